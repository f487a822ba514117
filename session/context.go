package session

import "context"

// scopeKey finds the innermost scope in a context.
type scopeKey struct{}

// scope is a manager around a handler, and the exchange whose session it has given: its own, or that of a manager around
// it. x is nil if the manager is disabled for the request.
type scope struct {
	m     *Manager
	x     *Exchange
	h     *handling // of x, if the scope is its own and the protocol is HTTP
	outer *scope
}

// handling returns the HTTP request whose session the scope has given, if it is one.
func (sc *scope) handling() *handling {
	for x := sc.x; sc != nil; sc = sc.outer {
		if sc.h != nil && &sc.h.Exchange == x {
			return sc.h
		}
	}
	return nil
}

// find returns the innermost scope of m around sc, or of a manager that has the same session.
func (sc *scope) find(m *Manager) *scope {
	for sc != nil && !m.carries(sc.m) {
		sc = sc.outer
	}
	return sc
}

// FromContext returns the session of the innermost manager's middleware. It panics if no middleware ran, or the one that
// did is disabled for the request, and says so; Lookup does not.
func FromContext(ctx context.Context) *Session {
	if s, ok := Lookup(ctx); ok {
		return s
	}
	panic("session: no session in this context: wrap the handler in Manager.Handler, and see that it is enabled for the request")
}

// Lookup returns the session of the innermost manager's middleware, if there is one.
func Lookup(ctx context.Context) (*Session, bool) {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	return sc.session()
}

func (sc *scope) session() (*Session, bool) {
	if sc == nil || sc.x == nil {
		return nil, false
	}
	return sc.x.Session(), true
}

// FromContext returns the session of this manager's middleware, if several are around the handler. It panics as the
// function FromContext does.
func (m *Manager) FromContext(ctx context.Context) *Session {
	if s, ok := m.Lookup(ctx); ok {
		return s
	}
	panic("session: no session of this manager in this context: wrap the handler in its Handler, and see that it is enabled for the request")
}

// Lookup returns the session of this manager's middleware, if there is one.
func (m *Manager) Lookup(ctx context.Context) (*Session, bool) {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	return sc.find(m).session()
}

// enabled returns the innermost scope that has a session which m finds in the request too.
func (sc *scope) enabled(m *Manager) *scope {
	for sc != nil && (sc.x == nil || !m.carries(sc.m)) {
		sc = sc.outer
	}
	return sc
}
