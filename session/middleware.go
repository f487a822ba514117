package session

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Handler is the middleware. It loads the session of the request's token, with one statement if there is one and none
// otherwise; gives next a context with the session; and commits what next has changed before the first byte of the response
// leaves, so that the client's next request finds it. What a handler changes later is saved at its return, if that needs no
// cookie.
//
// A handler that panics saves nothing, nor does one that begins its response with a status of 500 or above, which is how a
// recovery inside the middleware answers a panic. What such a handler has saved by itself stays.
//
// A WebSocket handshake is recognised, its Origin checked, and the session lives as long as the handler runs; see
// [WebSocket].
func (m *Manager) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer, _ := r.Context().Value(scopeKey{}).(*scope)
		switch around := outer.enabled(m); {
		case m.config.Disabled || (m.config.Enabled != nil && !m.config.Enabled(r)):
			sc := &scope{m: m, outer: outer}
			next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), scopeKey{}, sc)))
		case around != nil:
			m.join(around, w, r, next)
		default:
			m.serve(w, r, next)
		}
	})
}

// join serves, under the configuration of m, a request whose session a manager around it has loaded.
func (m *Manager) join(around *scope, w http.ResponseWriter, r *http.Request, next http.Handler) {
	if isUpgrade(r) {
		if err := m.checkOrigin(r); err != nil {
			m.logRefused(r, err)
			m.config.ErrorHandler(w, r, err)
			return
		}
	}
	outer, _ := r.Context().Value(scopeKey{}).(*scope)
	sc := &scope{m: m, x: around.x, outer: outer}
	s := around.x.Session()
	defer s.setManager(m)()
	around.x.checkDevice(m, r)
	if isUpgrade(r) && m.config.WebSocket.NoKeepAlive {
		s.letExpire()
	}
	s.keepAlive(around.x.ctx)
	if isUpgrade(r) && m.config.WebSocket.Create {
		s.wantRow()
	}
	if around.x.followsLink(r) {
		next = http.HandlerFunc(loadAgain)
	}
	next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), scopeKey{}, sc)))
	if h := around.handling(); h != nil {
		h.saveInside()
	}
}

// saveInside saves what a handler under another configuration has changed, while that holds, if the response has not begun.
func (h *handling) saveInside() {
	switch {
	case h.w.failed, h.session.isWithheld():
		return // what is pending was changed under the manager around, which saves it
	case h.w.committed && h.socket:
		if err := h.session.forgive(); err != nil {
			h.report(err)
		}
		h.finishSocket()
		return
	case h.w.committed:
		return
	}
	h.session.unwantRow() // an upgrade would have begun the response
	if !h.session.mustSave() {
		return
	}
	if _, _, err := h.saveOwed(false); err != nil {
		h.unconfirmed()
		h.w.fail(err)
	}
}

// handling is one request under a manager.
type handling struct {
	Exchange
	w      response
	r      *http.Request // with the exchange's context once that has begun
	socket bool          // it is a WebSocket handshake, or has been hijacked
	began  time.Time
}

func (m *Manager) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	h := &handling{socket: isUpgrade(r), began: time.Now()}
	h.init(m, r.Context())
	h.scope.h = h
	h.w = response{ResponseWriter: w, h: h, kept: cloneHeader(w.Header())}
	h.r = r
	defer h.Close()
	err := h.onOwnStack(func(h *handling) error { return h.begin(h.r) })
	h.r = r.WithContext(h.ctx)
	if err != nil {
		h.session.refuseUse(err)
		h.w.fail(err)
		return
	}
	if h.socket && !h.beginSocket() {
		return
	}
	switch {
	case m.servesDevice(r):
		next = http.HandlerFunc(h.serveDevice)
	case h.followsLink(r):
		next = http.HandlerFunc(loadAgain)
	}
	h.run(next)
}

// run lets the handler work, and commits at its return.
func (h *handling) run(next http.Handler) {
	returned := false
	defer func() {
		if !returned {
			h.panicked()
		}
	}()
	next.ServeHTTP(h.w.wrap(), h.r)
	returned = true
	h.finish()
}

// panicked leaves the response to whoever recovers: with what is durable already, and no more.
func (h *handling) panicked() {
	if h.w.committed {
		return
	}
	h.w.committed = true
	h.Discard()
	h.Announce(h.w.Header())
}

// finish commits at the handler's return, or saves what was changed after the commit.
func (h *handling) finish() {
	if !h.w.committed {
		h.w.warnIfBegun()
		if !h.leftToTheFramework() {
			h.w.commit(http.StatusOK)
		}
		return
	}
	if h.w.failed {
		return // the response says that nothing was saved
	}
	if err := h.session.forgive(); err != nil {
		h.report(err) // it is too late for the response, and the changes that did not fail are to be saved
	}
	if h.socket {
		h.finishSocket()
		return
	}
	if !h.session.Changed() {
		return
	}
	if _, err := h.save(false); err != nil {
		h.report(err)
	}
}

// leftToTheFramework leaves a response to a framework that answers a handler's error after the middleware has ended, if a
// change has failed and the handler has written nothing: most likely that is the error. Nothing is saved then.
func (h *handling) leftToTheFramework() bool {
	if !answersLater(h.w.ResponseWriter) {
		return false
	}
	err := h.session.forgive()
	if err == nil {
		return false
	}
	h.report(err)
	h.w.committed = true
	h.session.drop()
	h.unconfirmed()
	h.Announce(h.w.Header())
	return true
}

// report logs an error that is not the client's doing.
func (h *handling) report(err error) {
	if StatusCode(err) >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		h.m.config.Logger.ErrorContext(h.ctx, "session: request failed", "session", &h.session, "error", err)
	}
}
