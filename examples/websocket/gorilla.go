package websocket

import (
	"context"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	"github.com/simples-go/sessions/session"
)

// Gorilla serves sockets with github.com/gorilla/websocket. Its handshake sends only the header that it is handed, so it
// gets w.Header(), which has the cookie by then; its reads know no context, so a close frame and a deadline end them.
func Gorilla(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	upgrader := websocket.Upgrader{
		CheckOrigin: func(*http.Request) bool { return true }, // the middleware has
	}
	conn, err := upgrader.Upgrade(w, r, w.Header())
	if err != nil {
		return // Upgrade has answered
	}
	defer conn.Close()
	stop := context.AfterFunc(r.Context(), func() {
		code, reason := session.CloseCode(r.Context())
		if code != 0 {
			frame := websocket.FormatCloseMessage(code, reason)
			_ = conn.WriteControl(websocket.CloseMessage, frame, time.Now().Add(time.Second))
		}
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
	})
	defer stop()
	for {
		var m Message
		if err := conn.ReadJSON(&m); err != nil {
			return
		}
		if err := conn.WriteJSON(answer(r.Context(), s, m)); err != nil {
			return
		}
	}
}
