package websocket

import (
	"context"
	"net/http"

	"github.com/simples-go/sessions/session"
	"golang.org/x/net/websocket"
)

// XNet serves sockets with golang.org/x/net/websocket. Its handshake sends the header of its configuration, which is set
// in the Handshake function, after the connection was hijacked and the cookie put into w.Header(). It has no other way to
// send a close code than WriteClose, and its reads end when the connection is closed.
func XNet(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	serve := func(conn *websocket.Conn) {
		stop := context.AfterFunc(r.Context(), func() {
			if code, _ := session.CloseCode(r.Context()); code != 0 {
				_ = conn.WriteClose(code)
			}
			_ = conn.Close()
		})
		defer stop()
		for {
			var m Message
			if err := websocket.JSON.Receive(conn, &m); err != nil {
				return
			}
			if err := websocket.JSON.Send(conn, answer(r.Context(), s, m)); err != nil {
				return
			}
		}
	}
	websocket.Server{
		Handler: serve,
		Handshake: func(config *websocket.Config, _ *http.Request) error {
			config.Header = w.Header()
			return nil
		},
	}.ServeHTTP(w, r)
}
