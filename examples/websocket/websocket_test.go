package websocket_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/simples-go/sessions/examples/websocket"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"go.uber.org/goleak"
)

var recipes = map[string]http.HandlerFunc{
	"coder": websocket.Coder, "gorilla": websocket.Gorilla, "xnet": websocket.XNet,
}

// each runs a test for every recipe, and fails where a goroutine is left when all is closed.
func each(t *testing.T, config session.WebSocket, test func(t *testing.T, m *session.Manager, url string)) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			manager, err := session.New(memstore.New(), session.Config{
				Cookie: session.Cookie{InsecureHTTP: true}, WebSocket: config,
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = manager.Shutdown(context.WithoutCancel(t.Context())) }()
			server := httptest.NewServer(manager.Handler(recipe))
			defer http.DefaultClient.CloseIdleConnections()
			defer server.Close()
			test(t, manager, server.URL)
			if err := manager.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func dial(t *testing.T, url, token string) (*client.Conn, *http.Response) {
	t.Helper()
	header := http.Header{"Origin": {url}}
	if token != "" {
		header.Set("Cookie", "session="+token)
	}
	conn, response, err := client.Dial(t.Context(), strings.Replace(url, "http", "ws", 1), &client.DialOptions{HTTPHeader: header})
	if err != nil {
		t.Fatal(err)
	}
	return conn, response
}

func set(t *testing.T, conn *client.Conn, key string) websocket.Reply {
	t.Helper()
	var reply websocket.Reply
	message := map[string]any{"set": map[string]any{"key": key, "value": 1}}
	if err := wsjson.Write(t.Context(), conn, message); err != nil {
		t.Fatal(err)
	}
	if err := wsjson.Read(t.Context(), conn, &reply); err != nil {
		t.Fatal(err)
	}
	return reply
}

func loggedIn(t *testing.T, m *session.Manager) *session.Session {
	t.Helper()
	s := m.NewSession()
	if err := errors.Join(s.Set("name", "somebody"), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSavedAtOnce(t *testing.T) {
	each(t, session.WebSocket{}, func(t *testing.T, m *session.Manager, url string) {
		s := loggedIn(t, m)
		conn, _ := dial(t, url, s.ID().Reveal())
		defer conn.CloseNow()
		if reply := set(t, conn, "k"); !slices.Equal(reply.Keys, []string{"k", "name"}) {
			t.Errorf("%+v", reply)
		}
		if err := s.Load(t.Context()); err != nil || !s.Has("k") {
			t.Errorf("not saved: %v", err)
		}
	})
}

func TestCookieWithTheHandshake(t *testing.T) {
	each(t, session.WebSocket{Create: true}, func(t *testing.T, m *session.Manager, url string) {
		conn, response := dial(t, url, "")
		defer conn.CloseNow()
		set(t, conn, "k")
		if len(response.Cookies()) != 1 {
			t.Fatalf("header of the 101: %v", response.Header)
		}
		if s, err := m.Open(t.Context(), response.Cookies()[0].Value); err != nil || !s.Has("k") {
			t.Errorf("%v, %v", s, err)
		}
	})
}

func TestEndsWithItsSession(t *testing.T) {
	each(t, session.WebSocket{}, func(t *testing.T, m *session.Manager, url string) {
		s := loggedIn(t, m)
		conn, _ := dial(t, url, s.ID().Reveal())
		defer conn.CloseNow()
		set(t, conn, "k")
		if err := s.Destroy(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, err := conn.Read(t.Context())
		if client.CloseStatus(err) != 4001 {
			t.Errorf("the client got %v, want close code 4001", err)
		}
	})
}

// Where the request's context ends for another reason than the session's end, the handler returns all the same.
func TestEndsWithItsServer(t *testing.T) {
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			manager, err := session.New(memstore.New(), session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = manager.Shutdown(context.WithoutCancel(t.Context())) }()
			base, stop := context.WithCancel(t.Context())
			defer stop()
			server := httptest.NewUnstartedServer(manager.Handler(recipe))
			server.Config.BaseContext = func(net.Listener) context.Context { return base }
			server.Start()
			defer http.DefaultClient.CloseIdleConnections()
			defer server.Close()
			conn, _ := dial(t, server.URL, loggedIn(t, manager).ID().Reveal())
			defer conn.CloseNow()
			set(t, conn, "k")
			stop()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if err := manager.Shutdown(ctx); err != nil {
				t.Errorf("the handler stays: %v", err)
			}
		})
	}
}

// A visitor without a session is let go at shutdown too.
func TestShutdownOfAStranger(t *testing.T) {
	each(t, session.WebSocket{}, func(t *testing.T, m *session.Manager, url string) {
		conn, _ := dial(t, url, "")
		defer conn.CloseNow()
		set(t, conn, "k")
		go func() { _, _, _ = conn.Read(t.Context()) }() // answers the close frame
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Errorf("the handler stays: %v", err)
		}
	})
}

// TestGarbage: what is no message ends the socket, and the session with all that was saved lives on.
func TestGarbage(t *testing.T) {
	each(t, session.WebSocket{}, func(t *testing.T, m *session.Manager, url string) {
		s := loggedIn(t, m)
		conn, _ := dial(t, url, s.ID().Reveal())
		defer conn.CloseNow()
		set(t, conn, "k")
		if err := conn.Write(t.Context(), client.MessageText, []byte("\x00{]")); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if _, _, err := conn.Read(ctx); err == nil || ctx.Err() != nil {
			t.Errorf("the socket stays: %v", err)
		}
		if err := s.Load(t.Context()); err != nil || !s.Has("k") {
			t.Errorf("%v", err)
		}
	})
}

// TestSocketsAndRequestsAtOnce: two sockets and five connections that save different keys of one session lose nothing.
func TestSocketsAndRequestsAtOnce(t *testing.T) {
	each(t, session.WebSocket{}, func(t *testing.T, m *session.Manager, url string) {
		s := loggedIn(t, m)
		token := s.ID().Reveal()
		var wg sync.WaitGroup
		for _, name := range []string{"x", "y"} {
			conn, _ := dial(t, url, token)
			defer conn.CloseNow()
			wg.Go(func() {
				for i := range 20 {
					set(t, conn, name+string(rune('a'+i)))
				}
			})
		}
		for i := range 5 {
			wg.Go(func() {
				other, err := m.Open(t.Context(), token)
				for j := 0; j < 20 && err == nil; j++ {
					err = errors.Join(other.Set(string(rune('0'+i))+string(rune('a'+j)), 1), other.Save(t.Context()))
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := s.Load(t.Context()); err != nil || s.Len() != 1+7*20 {
			t.Errorf("%d entries, want %d, %v", s.Len(), 1+7*20, err)
		}
	})
}
