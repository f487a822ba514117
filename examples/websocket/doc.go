// Package websocket shows sessions in WebSocket handlers with the three libraries that Go services use. Each recipe is
// the same service: a client sends {"set": {"key": …, "value": …}} and gets the keys of its session. The socket is
// closed with code 4001 when the session ends.
//
// What they have in common: the middleware has loaded the session before the handler runs; its cookie, if one is due,
// stands in w.Header() when the connection is hijacked, and has to go out with the 101; and the request's context ends
// with the session.
package websocket

import (
	"context"
	"encoding/json"

	"github.com/simples-go/sessions/session"
)

// Message is what a client sends.
type Message struct {
	Set struct {
		Key   string          `json:"key"`
		Value json.RawMessage `json:"value"`
	} `json:"set"`
}

// Reply is what it gets.
type Reply struct {
	Keys  []string `json:"keys,omitempty"`
	Error string   `json:"error,omitempty"`
}

// answer carries out a client's message and saves the change at once.
func answer(ctx context.Context, s *session.Session, m Message) Reply {
	err := s.Set(m.Set.Key, m.Set.Value)
	if err == nil {
		err = s.Save(ctx)
	}
	if err != nil {
		return Reply{Error: err.Error()}
	}
	return Reply{Keys: s.Keys()}
}
