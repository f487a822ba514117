package graphqlapp

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/graph-gophers/graphql-go"
	"github.com/simples-go/sessions/session"
)

// message is one of graphql-transport-ws.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// socket is one client's connection, and what it has subscribed to.
type socket struct {
	conn   *websocket.Conn
	schema *graphql.Schema
	ctx    context.Context // ends with the session
	ready  bool            // the client has said connection_init
	work   sync.WaitGroup

	mu     sync.Mutex
	active map[string]context.CancelFunc
}

// subscribe serves graphql-transport-ws. The middleware has checked the Origin, and ends the context with the session.
func subscribe(schema *graphql.Schema) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
			Subprotocols: []string{"graphql-transport-ws"}, InsecureSkipVerify: true,
		})
		if err != nil {
			return // Accept has answered
		}
		defer conn.CloseNow()
		ctx, cancel := context.WithCancel(r.Context())
		s := &socket{conn: conn, schema: schema, ctx: ctx, active: map[string]context.CancelFunc{}}
		defer s.work.Wait()
		defer cancel()
		defer context.AfterFunc(r.Context(), func() {
			if code, reason := session.CloseCode(r.Context()); code != 0 {
				_ = conn.Close(websocket.StatusCode(code), reason)
			}
			_ = conn.CloseNow()
		})()
		s.serve()
	}
}

// serve takes what the client says until the connection ends.
func (s *socket) serve() {
	for {
		var m message
		if err := wsjson.Read(context.WithoutCancel(s.ctx), s.conn, &m); err != nil {
			return
		}
		if code, reason := s.take(m); code != 0 {
			_ = s.conn.Close(code, reason)
			return
		}
	}
}

// take carries out one message of the client. A code ends the connection.
func (s *socket) take(m message) (code websocket.StatusCode, reason string) {
	switch {
	case m.Type == "ping":
		s.send(message{Type: "pong"})
	case m.Type == "pong":
	case m.Type == "connection_init" && s.ready:
		return 4429, "Too many initialisation requests"
	case m.Type == "connection_init":
		s.ready = true
		s.send(message{Type: "connection_ack"})
	case !s.ready:
		return 4401, "Unauthorized"
	case m.Type == "subscribe":
		return s.subscribe(m)
	case m.Type == "complete":
		s.forget(m.ID)
	default:
		return 4400, "Unknown message"
	}
	return 0, ""
}

func (s *socket) subscribe(m message) (code websocket.StatusCode, reason string) {
	var in operation
	if err := json.Unmarshal(m.Payload, &in); err != nil || m.ID == "" {
		return 4400, "Invalid message"
	}
	ctx, cancel := context.WithCancel(s.ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active[m.ID] != nil {
		cancel()
		return 4409, "Subscriber already exists"
	}
	s.active[m.ID] = cancel
	s.work.Go(func() { s.run(ctx, m.ID, in) })
	return 0, ""
}

// run sends what a subscription brings, until its end or the client's.
func (s *socket) run(ctx context.Context, id string, in operation) {
	defer s.forget(id)
	responses, err := s.schema.Subscribe(ctx, in.Query, in.Name, in.Variables)
	if err != nil {
		s.sendPayload(id, "error", []map[string]string{{"message": "cannot subscribe"}})
		return
	}
	for response := range responses {
		s.sendPayload(id, "next", response)
	}
	if ctx.Err() == nil {
		s.send(message{ID: id, Type: "complete"})
	}
}

// forget ends a subscription.
func (s *socket) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.active[id]; cancel != nil {
		cancel()
		delete(s.active, id)
	}
}

func (s *socket) sendPayload(id, kind string, payload any) {
	if raw, err := json.Marshal(payload); err == nil {
		s.send(message{ID: id, Type: kind, Payload: raw})
	}
}

// send gives a client that takes nothing ten seconds; then the connection is closed, and reading ends.
func (s *socket) send(m message) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), 10*time.Second)
	defer cancel()
	if wsjson.Write(ctx, s.conn, m) != nil {
		_ = s.conn.CloseNow()
	}
}
