package echoapp

import (
	"net/http"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
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

// Echo leaves the manager's writer in place, so that a Recover outside of the middleware answers a panic through it.
func TestARecoverOutsideOfTheMiddleware(t *testing.T) {
	c := suite.New(t, func(m *session.Manager) http.Handler {
		e := echo.New()
		e.Use(middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: silent}), echo.WrapMiddleware(m.Handler))
		e.POST("/break", func(c echo.Context) error { suite.Break(c.Request().Context()); return nil })
		return e
	})
	if body := c.Want("POST", "/break", 500); body != "{\"message\":\"Internal Server Error\"}\n" {
		t.Errorf("body %q", body)
	}
}
