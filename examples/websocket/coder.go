package websocket

import (
	"context"
	"net/http"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/session"
)

// Coder serves sockets with github.com/coder/websocket. Its handshake sends w.Header() by itself, and its read loop ends
// with the context that it is given.
func Coder(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	// The middleware has checked the Origin already.
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	stop := context.AfterFunc(r.Context(), func() {
		if code, reason := session.CloseCode(r.Context()); code != 0 {
			_ = conn.Close(websocket.StatusCode(code), reason)
		}
	})
	defer stop()
	for {
		var m Message
		// The read must outlive the session by the close handshake, so it does not get r.Context().
		if err := wsjson.Read(context.WithoutCancel(r.Context()), conn, &m); err != nil {
			return
		}
		if err := wsjson.Write(r.Context(), conn, answer(r.Context(), s, m)); err != nil {
			return
		}
	}
}
