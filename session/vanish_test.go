package session_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// pipeListener hands a server one end of pipes within the process: more connections than there are file descriptors.
type pipeListener chan net.Conn

func (l pipeListener) Accept() (net.Conn, error) {
	c, ok := <-l
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l pipeListener) Close() error   { return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// TestSocketsVanish: clients that go without a close frame, thousands at once. What each socket had changed is saved, and
// nothing is left running.
func TestSocketsVanish(t *testing.T) {
	const sockets = 10_000
	store := memstore.New()
	manager := newManager(t, store, session.Config{
		StoreTimeout: time.Minute, // ten thousand at once are slow on a busy machine
		WebSocket:    session.WebSocket{AllowMissingOrigin: true, SaveRetry: time.Minute},
	})
	listener := make(pipeListener)
	server := &http.Server{Handler: manager.Handler(http.HandlerFunc(holdSocket))}
	go func() { _ = server.Serve(listener) }()
	tokens, conns := make([]string, sockets), make([]net.Conn, sockets)
	var wg sync.WaitGroup
	for i := range sockets {
		s := manager.NewSession()
		if err := errors.Join(s.Set("name", i), s.Save(t.Context())); err != nil {
			t.Fatal(err)
		}
		tokens[i] = s.ID().Reveal()
		client, remote := net.Pipe()
		conns[i] = client
		listener <- remote
		wg.Go(func() {
			if err := handshake(client, tokens[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, c := range conns {
		c.Close()
	}
	if err := manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, token := range tokens {
		s, err := manager.Open(t.Context(), token)
		if err != nil || !s.Has("vanished") {
			t.Fatalf("socket %d: %v, its change is lost: %v", i, err, !s.Has("vanished"))
		}
	}
}

// holdSocket changes the session and reads until the connection ends.
func holdSocket(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	if err := s.Set("vanished", true); err != nil {
		return
	}
	fmt.Fprint(rw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	_ = rw.Flush()
	_, _ = io.Copy(io.Discard, rw)
}

func handshake(conn net.Conn, token string) error {
	_, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nCookie: __Host-Http-session=%s\r\n\r\n", token)
	if err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && response.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(response.Status)
	}
	return err
}

// TestExtendedConnect: WebSockets over HTTP/2 (RFC 8441) are sockets too, and their Origin is checked.
func TestExtendedConnect(t *testing.T) {
	manager := newManager(t, memstore.New(), session.Config{})
	h := manager.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, test := range []struct {
		protocol, origin string
		want             int
	}{
		{"websocket", "https://example.com", 200},
		{"websocket", "https://evil.example", 403},
		{"websocket", "", 403},
		{"connect-udp", "", 200}, // no WebSocket: no page can make it
	} {
		r := httptest.NewRequest(http.MethodConnect, "https://example.com/ws", nil)
		r.Host = "example.com"
		r.Header[":protocol"] = []string{test.protocol}
		if test.origin != "" {
			r.Header.Set("Origin", test.origin)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.want {
			t.Errorf("%s from %q: %d, want %d", test.protocol, test.origin, w.Code, test.want)
		}
	}
}
