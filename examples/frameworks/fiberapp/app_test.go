package fiberapp

import (
	"net"
	"testing"

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
