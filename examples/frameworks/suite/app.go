// Package suite is what the programs of this module have in common: what they do, and the test that drives each of them
// over HTTP.
package suite

import (
	"context"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/session"
)

// Login begins a user's session and returns what a JSON login answers.
func Login(ctx context.Context, user string) (map[string]any, error) {
	s := session.FromContext(ctx)
	if err := s.Login(user); err != nil {
		return nil, err
	}
	if err := s.Set("flash", "Welcome, "+user); err != nil {
		return nil, err
	}
	return map[string]any{"user": user}, nil
}

// Logout ends the session.
func Logout(ctx context.Context) error { return session.FromContext(ctx).Destroy(ctx) }

// Account shows who is logged in, the flash message once, and the user's sessions.
func Account(ctx context.Context, m *session.Manager) (map[string]any, error) {
	s := session.FromContext(ctx)
	flash, err := session.Pop[string](s, "flash")
	if err != nil {
		return nil, err
	}
	list, err := m.Sessions(ctx, s.Owner())
	if err != nil {
		return nil, err
	}
	handles := []session.Handle{}
	for _, one := range list {
		handles = append(handles, one.Handle)
	}
	return map[string]any{"user": s.Owner(), "flash": flash, "here": s.Handle(), "sessions": handles}, nil
}

// End ends one of the user's sessions, and reports whether there was one.
func End(ctx context.Context, m *session.Manager, id string) (bool, error) {
	handle, err := session.ParseHandle(id)
	if err != nil {
		return false, nil
	}
	return m.RevokeOwned(ctx, session.FromContext(ctx).Owner(), handle)
}

// Fill sets more than a session holds, and does not look at it: the commit fails.
func Fill(ctx context.Context) {
	s := session.FromContext(ctx)
	for _, key := range []string{"a", "b"} {
		_ = s.Set(key, strings.Repeat("x", 600_000))
	}
}

// Refuse sets what no session holds, for a handler that answers by itself.
func Refuse(ctx context.Context) error {
	return session.FromContext(ctx).Set("callback", func() {})
}

// Break changes the session and panics.
func Break(ctx context.Context) {
	_ = session.FromContext(ctx).Set("broken", true)
	panic("broken")
}

// Abort changes the session and gives the response up.
func Abort(ctx context.Context) {
	_ = session.FromContext(ctx).Set("broken", true)
	panic(http.ErrAbortHandler)
}

var received = session.NewKey("received", 0)

// Socket counts in the session what it receives. The middleware has checked the Origin, and ends the request's context
// with the session.
func Socket(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	ctx, s := r.Context(), session.FromContext(r.Context())
	untilClosed := context.WithoutCancel(ctx) // a Read or Write that is cancelled closes the socket without a code
	defer context.AfterFunc(ctx, func() {
		if code, reason := session.CloseCode(ctx); code != 0 {
			_ = conn.Close(websocket.StatusCode(code), reason)
		}
		_ = conn.CloseNow()
	})()
	for {
		if _, _, err := conn.Read(untilClosed); err != nil {
			return
		}
		n, err := received.Modify(ctx, s, func(n int) (int, error) { return n + 1, nil })
		if err != nil || wsjson.Write(untilClosed, conn, n) != nil {
			return
		}
	}
}
