package session

import (
	"context"
	"net/http"
)

// Watch gives a long-lived handler, of Server-Sent Events or long polling, what a WebSocket handler has by itself: a context
// that ends with the session, and a session that is kept alive meanwhile. The cause (context.Cause) matches ErrGone, and
// more exactly ErrExpired, ErrRotated, ErrDestroyed or ErrRevoked if that is known; or it is ErrShutdown.
//
// It commits the session as the response's first byte does, so call it when all that needs a cookie is done. If there is no
// session then, the context is that of the request. For one goroutine at a time, like the response. Errors are those of the
// commit, or say how the session ended; ErrClosed after the handler's return.
//
// The same holds for an Exchange, until its Close.
func Watch(ctx context.Context) (context.Context, error) {
	sc, _ := ctx.Value(scopeKey{}).(*scope)
	if sc == nil || sc.x == nil {
		FromContext(ctx) // panics, and says why
	}
	if sc.x.session.isClosed() {
		return ctx, ErrClosed // nobody would stop watching
	}
	switch h := sc.handling(); {
	case h == nil:
		if err := sc.x.Commit(); err != nil {
			return ctx, err
		}
	case !h.w.commit(http.StatusOK):
		return ctx, ErrClosed
	case h.socket && h.ended == nil && h.session.Err() == nil:
		return ctx, nil // it is what the handler of a handshake has got
	}
	return sc.x.endWithSession(ctx)
}

// endWithSession returns a context that ends with ctx or the session.
func (x *Exchange) endWithSession(ctx context.Context) (context.Context, error) {
	if err := x.session.Err(); err != nil {
		return ctx, err
	}
	if x.ended == nil {
		if !x.work() {
			return ctx, ErrShutdown
		}
		x.ended = x.contextOfSession(x.ctx)
	}
	watching, cancel := context.WithCancelCause(ctx)
	context.AfterFunc(x.ended, func() { cancel(context.Cause(x.ended)) })
	return watching, nil
}

// RemoteChanges returns a channel that receives when another connection has changed the session while this one is a
// WebSocket's or has called Watch: at once from this process, within WebSocket.PollInterval from others. Load then brings
// the changes; what this connection has changed and not saved stays. Several changes may come as one.
func (s *Session) RemoteChanges() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote == nil {
		s.remote = make(chan struct{}, 1)
	}
	return s.remote
}
