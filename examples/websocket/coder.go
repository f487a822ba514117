package websocket

import (
	"context"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/session"
)

// Coder serves sockets with github.com/coder/websocket. Its handshake sends w.Header() by itself. It drops the
// connection when the context of a read or of a write ends, so neither gets the request's: both must outlive the
// session by the close handshake.
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
		_ = conn.CloseNow() // the read has no other end where it was not the session that ended
	})
	defer stop()
	for {
		var m Message
		if err := wsjson.Read(context.WithoutCancel(r.Context()), conn, &m); err != nil {
			return
		}
		if err := write(r.Context(), conn, answer(r.Context(), s, m)); err != nil {
			return
		}
	}
}

// write gives a client that takes nothing ten seconds.
func write(ctx context.Context, conn *websocket.Conn, reply Reply) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return wsjson.Write(ctx, conn, reply)
}
