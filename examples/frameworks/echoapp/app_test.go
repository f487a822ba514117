package echoapp

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

func TestEcho(t *testing.T) {
	suite.Run(t, New)
	t.Run("echo's Timeout", func(t *testing.T) { suite.New(t, New).Want("POST", "/fill-in-time", 413) })
}

// Echo's own adapter answers an error after the middleware has ended.
func TestEchoWrapMiddleware(t *testing.T) {
	wrapped := func(m *session.Manager) http.Handler { return with(m, echo.WrapMiddleware(m.Handler)) }
	suite.Run(t, wrapped)
}
