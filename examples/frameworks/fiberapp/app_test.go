package fiberapp

import (
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

// serve serves the program as fiber does, by fasthttp.
func serve(t *testing.T, m *session.Manager) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	app, ended := New(m), make(chan error, 1)
	go func() { ended <- app.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		if err := app.Shutdown(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

func TestFiber(t *testing.T) {
	suite.RunServed(t, serve)
	t.Run("fiber's timeout", func(t *testing.T) {
		c := suite.NewServed(t, serve)
		c.Want("POST", "/fill-in-time", 413)
		c.Want("POST", "/too-late", 408)
		if list, err := c.Manager.Sessions(t.Context(), "ada"); err != nil || len(list) != 0 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
	})
}

func TestSocket(t *testing.T) {
	c := suite.NewServed(t, serve)
	c.Want("POST", "/login", 200)
	r := c.Request("GET", "/socket", "")
	dial := func(origin string) (*websocket.Conn, *http.Response, error) {
		dialer := websocket.Dialer{Jar: c.Jar}
		return dialer.DialContext(t.Context(), "ws"+strings.TrimPrefix(r.URL.String(), "http"), http.Header{"Origin": {origin}})
	}
	if _, response, err := dial("https://evil.example"); err == nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("a foreign page's handshake: %v", err)
	}
	conn, _, err := dial(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for want := 1; want <= 2; want++ {
		var got int
		if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
			t.Fatal(err)
		}
		if err := conn.ReadJSON(&got); err != nil || got != want {
			t.Fatalf("received %d, %v", got, err)
		}
	}
	c.Want("POST", "/logout", 204)
	if _, _, err = conn.ReadMessage(); !websocket.IsCloseError(err, 4001) {
		t.Errorf("the socket ends with %v", err)
	}
}
