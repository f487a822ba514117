package session

import "context"

// contextKey finds the innermost connection in a context.
type contextKey struct{}

// FromContext returns the session of the innermost manager's middleware. It panics where no middleware ran, or the one
// that did is disabled for the request, and says so; Lookup does not.
func FromContext(ctx context.Context) *Session {
	if s, ok := Lookup(ctx); ok {
		return s
	}
	panic("session: no session in this context: wrap the handler in Manager.Handler, and see that it is enabled for the request")
}

// Lookup returns the session of the innermost manager's middleware, where there is one.
func Lookup(ctx context.Context) (*Session, bool) {
	c, _ := ctx.Value(contextKey{}).(*conn)
	if c == nil || c.off {
		return nil, false
	}
	return c.use(), true
}

// FromContext returns the session of this manager's middleware, where several are around the handler. It panics as the
// function FromContext does.
func (m *Manager) FromContext(ctx context.Context) *Session {
	if s, ok := m.Lookup(ctx); ok {
		return s
	}
	panic("session: no session of this manager in this context: wrap the handler in its Handler, and see that it is enabled for the request")
}

// Lookup returns the session of this manager's middleware, where there is one.
func (m *Manager) Lookup(ctx context.Context) (*Session, bool) {
	if c := m.around(ctx); c != nil && !c.off {
		return c.use(), true
	}
	return nil, false
}

// around returns the innermost connection of m, or of one that finds the same session.
func (m *Manager) around(ctx context.Context) *conn {
	c, _ := ctx.Value(contextKey{}).(*conn)
	for c != nil && !m.carries(c.m) {
		c = c.outer
	}
	return c
}
