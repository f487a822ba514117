package session

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// beginSocket prepares for a handler that runs as long as its socket is open: with a context that ends with the session.
// It reports false if the manager is shut down and the request has been refused.
func (h *handling) beginSocket() bool {
	if !h.work() {
		h.w.fail(ErrShutdown)
		return false
	}
	if h.m.config.WebSocket.Create {
		h.session.wantRow()
	}
	h.ctx = h.contextOfSession(h.ctx)
	h.r = h.r.WithContext(h.ctx)
	return true
}

// work counts the handler among those that Shutdown waits for, unless the manager is shut down.
func (x *Exchange) work() bool {
	if !x.working {
		x.working = x.m.hub.enter()
	}
	return x.working
}

// onOwnStack runs a step, for a socket on a goroutine of its own: what a store calls is deep, and a goroutine that has
// grown a large stack keeps most of it, here for as long as the socket is open.
func (h *handling) onOwnStack(step func(*handling) error) error {
	if !h.socket {
		return step(h)
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
		o.err = step(h)
	}()
	o := <-done
	if o.panicked != nil {
		panic(o.panicked)
	}
	return o.err
}

// contextOfSession returns a context that ends with the session, and adds the session to those that the hub watches.
func (x *Exchange) contextOfSession(parent context.Context) context.Context {
	if x.manager().config.WebSocket.NoKeepAlive {
		x.session.letExpire()
	}
	ctx, cancel := context.WithCancelCause(parent)
	x.watch = &member{session: &x.session, cancel: cancel}
	x.m.hub.join(x.watch, x.m)
	return ctx
}

// hijack commits, and gives the connection away. Whoever hijacks a request that was not recognised as a WebSocket handshake
// may speak WebSocket all the same: its Origin is checked, and the connection is closed when the session ends.
func (w *response) hijack() (net.Conn, *bufio.ReadWriter, error) {
	h, begun := w.h, w.committed
	if !h.socket && !begun && len(h.r.Header.Values("Origin")) > 0 { // browsers send one with every handshake
		if err := h.m.checkOrigin(h.r); err != nil {
			h.m.logRefused(h.r, err)
			w.fail(err)
			return nil, nil, err
		}
	}
	if !w.commit(http.StatusSwitchingProtocols) {
		return nil, nil, errors.New("session: hijack: the session could not be saved, and the request has been answered")
	}
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil || conn == nil {
		return conn, buffer, err
	}
	if !h.socket {
		h.adopt(conn)
	}
	if !begun {
		conn, buffer = withHeader(conn, buffer, w.Header(), cmp.Or(h.m.config.Header, "Set-Cookie"))
	}
	return conn, buffer, nil
}

// adopt closes a hijacked connection when the session ends.
func (h *handling) adopt(conn net.Conn) {
	h.socket = true
	if h.watch == nil && h.work() {
		h.ended = h.contextOfSession(h.ctx)
	}
	if h.ended != nil {
		context.AfterFunc(h.ended, func() { _ = conn.Close() })
	}
}

// withHeader adds the field that carries the client's token to a 101 that an upgrade library writes to the connection by
// itself, without a look at the response's header. Without such a field it returns its arguments.
func withHeader(conn net.Conn, buffer *bufio.ReadWriter, header http.Header, token string) (net.Conn, *bufio.ReadWriter) {
	if len(header.Values(token)) == 0 {
		return conn, buffer
	}
	var fields bytes.Buffer
	for _, name := range []string{token, "Cache-Control"} {
		for _, value := range header.Values(name) {
			fields.WriteString(name + ": " + value + "\r\n")
		}
	}
	hc := &handshakeConn{Conn: conn, token: []byte("\r\n" + token + ": "), fields: fields.Bytes()}
	return hc, bufio.NewReadWriter(buffer.Reader, bufio.NewWriter(hc))
}

// handshakeConn puts fields into the first response header that is written to it.
type handshakeConn struct {
	net.Conn
	token  []byte // begins the line that carries the client's token
	fields []byte // nil once they are written
}

// Write implements net.Conn.
func (c *handshakeConn) Write(p []byte) (int, error) {
	end := bytes.Index(p, []byte("\r\n")) + 2
	if c.fields == nil || end < 2 || !bytes.HasPrefix(p, []byte("HTTP/1.1 101")) || bytes.Contains(p, c.token) {
		c.fields = nil
		return c.Conn.Write(p)
	}
	whole := append(append(append([]byte(nil), p[:end]...), c.fields...), p[end:]...)
	added := len(c.fields)
	c.fields = nil
	n, err := c.Conn.Write(whole)
	return max(0, min(len(p), n-added)), err
}

// finishSocket saves at the handler's return, also if the connection has dropped, and tries again for a while, as the
// innermost manager says that has this session.
func (h *handling) finishSocket() {
	if !h.session.Changed() {
		return
	}
	m := h.manager()
	last := lastSave{h: h}
	err := last.run(time.Now().Add(m.config.WebSocket.SaveRetry))
	if err != nil {
		h.session.drop()
		h.lost(m, err)
	}
}

// lost reports changes that could not be saved after the handler's return.
func (h *handling) lost(m *Manager, err error) {
	if hook := m.config.WebSocket.OnSaveError; hook != nil {
		hook(context.WithoutCancel(h.ctx), h.session.Handle(), err)
		return
	}
	level := slog.LevelError
	if errors.Is(err, ErrGone) {
		level = slog.LevelInfo // somebody has logged out meanwhile
	}
	m.config.Logger.Log(h.ctx, level, "session: changes of a closed connection are lost", "session", &h.session, "error", err)
}

// CloseCode returns a WebSocket close code and reason for a context that has ended with its session: 4001 and how it
// ended, or 1001 (going away) at shutdown. The code is 0 if the context ended for another reason. Codes from 4000 are
// the application's own (RFC 6455, 7.4.2).
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
