package session

import (
	"context"
	"errors"
	"fmt"
	"github.com/simples-go/sessions/session/store"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// conn is one connection under a manager: a request, or a socket. It is the request's context, too, so that all that a
// request needs is one allocation.
type conn struct {
	context.Context
	m       *Manager
	outer   *conn    // of the manager around this one
	session *Session // &own, or the outer manager's
	own     Session
	writer  writer
	request *http.Request // with this context
	off     bool          // the manager is disabled for this request
	used    atomic.Bool   // a handler has asked for the session
	arrived *token        // what the request carried
	socket  bool
	watch   *member         // of a socket, or made by Watch
	ended   context.Context // made by Watch
}

// Value implements context.Context.
func (c *conn) Value(key any) any {
	if key == (contextKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// String keeps contexts that print their parents from looking inside.
func (c *conn) String() string { return "session.Context" }

// Format keeps fmt from it: every verb prints String.
func (c *conn) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

func (c *conn) use() *Session {
	if !c.used.Load() {
		c.used.Store(true)
	}
	return c.session
}

// Handler is the middleware. It loads the session of the request's token, with one statement where there is one and none
// otherwise; gives next a context with the session; and commits what next has changed before the first byte of the response
// leaves, so that the client's next request finds it. What a handler changes later is saved at its return, where that needs
// no cookie. A handler that panics saves nothing.
//
// A WebSocket handshake is recognised, its Origin checked, and the session lives as long as the handler runs; see
// [WebSocket].
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer, _ := r.Context().Value(contextKey{}).(*conn)
		c := &conn{Context: r.Context(), m: m, outer: outer}
		switch {
		case m.config.Disabled || (m.config.Enabled != nil && !m.config.Enabled(r)):
			c.off = true
			next.ServeHTTP(w, r.WithContext(c))
		case m.inherit(c):
			c.join(w, r, next)
		default:
			c.serve(w, r, next)
		}
	})
}

// inherit makes c go on with the session of a manager around it that finds the same one in the request.
func (m *Manager) inherit(c *conn) bool {
	around := c.outer
	for around != nil && (around.off || !m.carries(around.m)) {
		around = around.outer
	}
	if around == nil {
		return false
	}
	c.session = around.session
	c.session.governed(m)
	around.use()
	return true
}

// governed puts the session under another manager's configuration, by which it may have ended.
func (s *Session) governed(m *Manager) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.m = m
	if s.stored && s.dead == nil && !s.meta.storeNow().Before(s.record().End(m.policy)) {
		s.dead = ErrExpired
	}
}

// join serves under the configuration of c's manager what the middleware around it has begun.
func (c *conn) join(w http.ResponseWriter, r *http.Request, next http.Handler) {
	if isUpgrade(r) {
		if err := c.m.checkOrigin(r); err != nil {
			c.m.config.ErrorHandler(w, r, err)
			return
		}
		if c.m.config.WebSocket.Create {
			c.session.wantRow()
		}
	}
	next.ServeHTTP(w, r.WithContext(c))
}

func (c *conn) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	c.session = &c.own
	c.writer = writer{ResponseWriter: w, c: c, kept: w.Header()}
	c.request = r
	c.socket = isUpgrade(r)
	if err := c.shallow(func() error { return c.start(r) }); err != nil {
		w.Header().Add("Vary", c.m.vary)
		c.report(err)
		c.m.config.ErrorHandler(w, r, err)
		return
	}
	if len(c.writer.kept) > 0 {
		c.writer.kept = c.writer.kept.Clone()
	} else {
		c.writer.kept = nil
	}
	if c.socket {
		c.serveSocket(next)
		return
	}
	c.run(next)
}

// start finds the request's token and loads its session.
func (c *conn) start(r *http.Request) error {
	c.own.m = c.m
	if c.socket {
		if err := c.m.checkOrigin(r); err != nil {
			return err
		}
	}
	t, err := c.m.find(r)
	if err != nil {
		return err
	}
	c.arrived = t
	if t != nil {
		ctx, cancel := c.m.deadline.Bound(r.Context())
		defer cancel()
		if err := c.m.open(ctx, &c.own, t); err != nil {
			return err
		}
	}
	return c.takeOver(r)
}

// takeOver takes the session over from another system, if the request's own token opens none.
func (c *conn) takeOver(r *http.Request) error {
	t := c.m.takeover(r)
	if t == nil {
		return nil
	}
	if c.own.stored || c.own.dead != nil {
		c.own.elsewhere = t
		return nil
	}
	ctx, cancel := c.m.deadline.Bound(r.Context())
	defer cancel()
	opens, err := t.run(ctx)
	if err != nil || opens == nil {
		return err
	}
	c.own.elsewhere = t
	if err := c.m.open(ctx, &c.own, opens); err != nil || !c.own.stored {
		return err
	}
	c.own.cookie = cookieNew
	return nil
}

// run lets the handler work, and ends what it began.
func (c *conn) run(next http.Handler) {
	returned := false
	defer func() {
		if !returned && !c.writer.committed {
			c.announce(c.writer.Header()) // what is durable already, for whoever recovers from the panic and answers
		}
		c.close()
	}()
	c.request = c.request.WithContext(c)
	next.ServeHTTP(c.writer.wrap(), c.request)
	returned = true
	c.finish() // not after a panic, which saves nothing
}

// finish commits at the handler's return, or saves what was changed after the commit.
func (c *conn) finish() {
	if !c.writer.committed {
		c.writer.commit(http.StatusOK)
		return
	}
	if c.writer.failed != nil {
		return // the client has been told that nothing was saved
	}
	if err := c.session.forgive(); err != nil {
		c.report(err) // no response could tell of it any more, and the changes that did not fail are to be saved
	}
	if c.socket {
		c.finishSocket()
		return
	}
	if err := c.save(false); err != nil {
		c.report(err)
	}
}

// close ends the session's use by this connection.
func (c *conn) close() {
	if c.watch != nil {
		c.m.hub.leave(c.watch)
	}
	if c.ended != nil {
		c.m.work.Done()
	}
	c.own.mu.Lock()
	defer c.own.mu.Unlock()
	c.own.closed = true
}

// save writes what is pending, if anything is, detached from the request's cancellation, and waits for a Save under way on
// another goroutine. With last, nothing that needs a cookie can be changed any more.
func (c *conn) save(last bool) error {
	s := c.session
	s.mu.Lock()
	m, changed := s.m, !s.pending.empty() || !s.inflight.empty() || s.failed != nil
	touch := !changed && !s.touching && s.touchDue()
	s.sealed = s.sealed || last && !changed
	var ref store.Ref
	if touch {
		ref, s.touching = s.ref(), true
	}
	s.mu.Unlock()
	if touch {
		m.touchSoon(c.Context, s, ref)
	}
	if !changed {
		return nil
	}
	ctx, cancel := m.detach(c.Context)
	defer cancel()
	return s.save(ctx, last)
}

// report logs an error that is not the client's doing.
func (c *conn) report(err error) {
	switch {
	case StatusCode(err) < http.StatusInternalServerError, errors.Is(err, context.Canceled):
	default:
		c.m.config.Logger.ErrorContext(c.Context, "session: request failed", "session", &c.own, "error", err)
	}
}

// announce puts what the client has to be told into the response's header, and seals the session.
func (c *conn) announce(header http.Header) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sealed = true
	state := s.cookie
	switch {
	case state == cookieExpired && c.arrived == nil:
		state = cookieKept
	case state == cookieNew && s.dead != nil:
		state = cookieKept // a sibling may have sent a newer one, which this would overwrite
	}
	if state != cookieKept || c.used.Load() {
		addVary(header, c.m.vary)
	}
	if state == cookieKept {
		return
	}
	header.Set("Cache-Control", "no-store")
	name, value := c.field(state)
	if name == "Set-Cookie" {
		header.Add(name, value)
	} else {
		header.Set(name, value)
	}
	for around := c.outer; around != nil; around = around.outer {
		around.writer.keep(name, value)
	}
}

// field is that of the header which brings the client the new token, or takes the old one away. The session's mu is held.
func (c *conn) field(state cookieState) (name, value string) {
	s, m := c.session, c.m
	switch {
	case m.config.Header != "" && state == cookieNew:
		return m.config.Header, s.token.encode()
	case m.config.Header != "":
		return m.config.Header, ""
	case state == cookieNew:
		return "Set-Cookie", s.m.line(s.token, s.cookieLife())
	}
	return "Set-Cookie", s.m.expired()
}

// cookieLife is what is left of the absolute lifetime, since the database enforces the idle one; 0 for a cookie that ends
// with the browser. s.mu is held.
func (s *Session) cookieLife() (life time.Duration) {
	if deref(s.browser, s.m.config.Cookie.Browser) {
		return 0
	}
	end := s.meta.createdAt.Add(s.effective().Absolute)
	return max(time.Second, end.Sub(s.meta.storeNow()))
}

func addVary(header http.Header, name string) {
	for _, line := range header["Vary"] {
		if line == name {
			return
		}
	}
	header["Vary"] = append(header["Vary"], name)
}
