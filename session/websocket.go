package session

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
)

// serveSocket serves a WebSocket handshake and all that follows: until the handler returns, or for as long as the session
// lives.
func (c *conn) serveSocket(next http.Handler) {
	if !c.m.hub.enter() {
		c.m.config.ErrorHandler(c.writer.ResponseWriter, c.request, ErrShutdown)
		return
	}
	defer c.m.work.Done()
	if c.m.config.WebSocket.Create {
		c.own.wantRow()
	}
	c.Context = c.watched()
	c.run(next)
}

// shallow runs fn, for a socket on a goroutine of its own: what a store calls is deep, and a goroutine that has grown a
// large stack keeps most of it, here for as long as the socket is open. It was 8 kB for each.
func (c *conn) shallow(fn func() error) error {
	if !c.socket {
		return fn()
	}
	type outcome struct {
		err      error
		panicked any
	}
	done := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			o.panicked = recover()
			done <- o
		}()
		o.err = fn()
	}()
	o := <-done
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.err
}

// wantRow makes the next save create a row where there is no session.
func (s *Session) wantRow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stored && s.dead == nil {
		s.pending.create = true
	}
}

// watched returns a context that ends with the session, and joins those that are told of its end.
func (c *conn) watched() context.Context {
	ctx, cancel := context.WithCancelCause(c.Context)
	c.watch = &member{session: c.session, cancel: cancel}
	c.m.hub.join(c.watch, c.m)
	return ctx
}

// finishSocket saves at the handler's return, also where the connection has dropped, and tries again for a while, as
// the innermost manager says that has this session.
func (c *conn) finishSocket() {
	m := c.session.manager()
	give := time.Now().Add(m.config.WebSocket.SaveRetry)
	err := c.save(false)
	for attempt := 0; err != nil && !decided(err) && time.Now().Before(give); attempt++ {
		if pause(context.WithoutCancel(c.Context), attempt+4) != nil {
			break
		}
		err = c.save(false)
	}
	if err != nil {
		c.lost(m, err)
	}
}

// lost reports changes that could not be saved after the handler's return.
func (c *conn) lost(m *Manager, err error) {
	if hook := m.config.WebSocket.OnSaveError; hook != nil {
		hook(context.WithoutCancel(c.Context), c.own.Handle(), err)
		return
	}
	level := slog.LevelError
	if errors.Is(err, ErrGone) {
		level = slog.LevelInfo // somebody has logged out meanwhile
	}
	m.config.Logger.Log(c.Context, level, "session: changes of a closed connection are lost", "session", &c.own, "error", err)
}

// Watch gives a long-lived handler, of Server-Sent Events or long polling, what a WebSocket handler has by itself: a context
// that ends with the session, and a session that is kept alive meanwhile. The cause (context.Cause) matches ErrGone, and
// more exactly ErrExpired, ErrRotated, ErrDestroyed or ErrRevoked where that is known; or it is ErrShutdown.
//
// It commits the session as the response's first byte does, so call it when all that needs a cookie is done. Where
// there is no session then, the context is that of the request. For one goroutine at a time, like the response. Errors
// are those of the commit, or say how the session ended; ErrClosed after the handler's return.
func Watch(ctx context.Context) (context.Context, error) {
	c, _ := ctx.Value(contextKey{}).(*conn)
	if c == nil || c.off {
		FromContext(ctx) // panics, and says why
	}
	return c.root().watching(ctx)
}

// root returns the connection whose session c has.
func (c *conn) root() *conn {
	s := c.session
	for s != &c.own {
		c = c.outer // on the way there may be one of another session
	}
	return c
}

func (c *conn) watching(ctx context.Context) (context.Context, error) {
	if c.own.over() {
		return ctx, ErrClosed // nobody would stop watching
	}
	if !c.writer.committed {
		if err := c.writer.commit(http.StatusOK); err != nil {
			return ctx, err
		}
	}
	if err := c.own.Err(); err != nil {
		return ctx, err
	}
	if c.socket {
		return ctx, nil // it is what the handler has got
	}
	if c.ended == nil {
		if !c.m.hub.enter() {
			return ctx, ErrShutdown
		}
		c.ended = c.watched()
	}
	watching, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(c.ended, func() { cancel(context.Cause(c.ended)) })
	return watching, nil
}

// over reports whether the connection has ended.
func (s *Session) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Changes returns a channel that receives when another connection has changed the session while this one is a WebSocket's
// or has called Watch: at once from this process, within WebSocket.PollInterval from others. Load then brings the changes;
// what this connection has changed and not saved stays. Several changes may come as one.
func (s *Session) RemoteChanges() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changes == nil {
		s.changes = make(chan struct{}, 1)
	}
	return s.changes
}

// CloseCode is a WebSocket close code and reason for a context that has ended with its session: 4001 and how it ended, or
// 1001 (going away) at shutdown. Zero where the context ended for another reason. Codes from 4000 are the application's
// own (RFC 6455, 7.4.2).
func CloseCode(ctx context.Context) (code int, reason string) {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrShutdown):
		return 1001, "server is shutting down"
	case errors.Is(cause, ErrRotated):
		return 4001, "session rotated"
	case errors.Is(cause, ErrExpired):
		return 4001, "session expired"
	case errors.Is(cause, ErrRevoked):
		return 4001, "session revoked"
	case errors.Is(cause, ErrDestroyed):
		return 4001, "session destroyed"
	case errors.Is(cause, ErrGone):
		return 4001, "session gone"
	}
	return 0, ""
}
