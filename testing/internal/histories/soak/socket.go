package main

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// socket is what a browser has open all the time: when it ends, it is opened again.
type socket struct {
	*browser
	rnd   *rand.Rand
	token string // under which it was opened
}

// run opens the socket again and again until ctx ends, more and more slowly while that fails.
func (s *socket) run(ctx context.Context) {
	failed := 0
	for wait := time.Duration(0); retry.Sleep(ctx, wait) == nil; {
		wait = rand.N(s.Reconnect<<min(failed, 3) + 1)
		conn := s.dial()
		if failed++; conn == nil {
			continue
		}
		failed = 0
		s.open.Add(1)
		if s.stay(ctx, conn) {
			wait = 0
		}
		s.open.Add(-1)
	}
}

// dial opens it with the session that the browser has now, and returns nil if that fails.
func (s *socket) dial() *websocket.Conn {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.token = s.browser.token
	if s.token == "" {
		return nil
	}
	least := s.acked.Load()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	n, done := s.node()
	defer done()
	conn, resp, err := websocket.Dial(ctx, "ws://"+n.Config.Addr+"/socket", &websocket.DialOptions{
		HTTPClient: s.sockets, HTTPHeader: http.Header{"Cookie": {"session=" + s.token}},
	})
	if err != nil {
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil
	}
	var a wire.Answer
	if err := wsjson.Read(ctx, conn, &a); err != nil {
		_ = conn.CloseNow()
		return nil
	}
	switch got := (&answer{Answer: a}); {
	case got.opened():
		s.compareWith(a.View["n"], least)
		return conn
	case got.lost():
		s.report.broken.add("a socket of browser %d did not find its live session: %s %s", s.number, a.Error, a.Text)
	}
	_ = conn.CloseNow()
	return nil
}

// stay says something now and then, until the server ends the socket or the time is over. It reports whether the socket
// has heard of its session's end, and not of its node's.
func (s *socket) stay(ctx context.Context, conn *websocket.Conn) (told bool) {
	replies := make(chan []byte)
	ended := make(chan struct{})
	defer close(ended)
	defer func() { _ = conn.CloseNow() }()
	go s.read(conn, replies, ended)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-replies: // nobody has asked: it is closed
			return s.told()
		case <-time.After(time.Duration(s.rnd.Int64N(int64(2 * s.Say)))):
		}
		if s.deaf() || !s.say(conn, replies) {
			return false
		}
	}
}

// read hands replies on, and ends with the connection.
func (s *socket) read(conn *websocket.Conn, replies chan<- []byte, ended <-chan struct{}) {
	defer close(replies)
	for {
		_, text, err := conn.Read(context.Background())
		if err != nil {
			return
		}
		select {
		case replies <- text:
		case <-ended:
			return
		}
	}
}

// told reports whether the session has ended, and notes how long the socket took to hear of that. It may have heard
// before whoever ended it had an answer.
func (s *socket) told() bool {
	shut := time.Now()
	s.mu.RLock() // what ends the session has its answer now
	defer s.mu.RUnlock()
	at, buried := s.graves.since(s.token)
	if buried {
		s.report.tellings.add(max(0, shut.Sub(at)), false)
	}
	return buried
}

// deaf reports whether the socket has not heard of its session's end. The longest that one took is in the report.
func (s *socket) deaf() bool {
	at, buried := s.graves.since(s.token)
	deaf := buried && time.Since(at) > s.Tell
	if deaf {
		s.report.broken.add("a socket of browser %d is open %v after its session's end", s.number, time.Since(at))
	}
	return deaf
}

// say increments the counter, and reports whether there was an answer.
func (s *socket) say(conn *websocket.Conn, replies <-chan []byte) bool {
	if !s.mu.TryRLock() { // its session is about to end
		return true
	}
	defer s.mu.RUnlock()
	if s.token != s.browser.token {
		return true
	}
	least := s.acked.Load()
	s.tried.Add(1)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := wsjson.Write(ctx, conn, wire.Step{Do: wire.Add, Add: map[string]int64{"n": 1}}); err != nil {
		return false
	}
	var res wire.Result
	select {
	case text, ok := <-replies:
		if !ok || json.Unmarshal(text, &res) != nil {
			return false
		}
	case <-ctx.Done():
		return false
	}
	switch res.Error {
	case wire.None:
		s.acked.Add(1)
		s.compareWith(res.View["n"], least+1)
	case wire.Gone, wire.Rotated:
		s.report.broken.add("a socket of browser %d lost its live session: %s", s.number, res.Text)
	}
	s.report.messages.Add(1)
	return true
}
