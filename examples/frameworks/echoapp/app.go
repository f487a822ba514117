// Package echoapp shows sessions with Echo.
package echoapp

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

// Sessions is the middleware for Echo. An error that a handler returns is answered while the session's writer can still
// answer it.
func Sessions(m *session.Manager) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			outer := c.Response().Writer
			defer func() { c.Response().Writer = outer }()
			m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.SetRequest(r)
				c.Response().Writer = w
				if err := next(c); err != nil {
					c.Error(err)
				}
			})).ServeHTTP(outer, c.Request())
			return nil
		}
	}
}

// New returns the program.
func New(sessions *session.Manager) http.Handler { return with(sessions, Sessions(sessions)) }

func with(sessions *session.Manager, sessionsMiddleware echo.MiddlewareFunc) http.Handler {
	e := echo.New()
	e.Use(middleware.RequestID(), middleware.RequestLoggerWithConfig(quiet), middleware.BodyLimit("1M"))
	e.Use(middleware.GzipWithConfig(middleware.GzipConfig{Skipper: echo.Context.IsWebSocket})) // it would keep the 101 back
	e.Use(middleware.CSRF(), sessionsMiddleware, middleware.RecoverWithConfig(middleware.RecoverConfig{LogErrorFunc: silent}))
	e.Use(middleware.ContextTimeoutWithConfig(middleware.ContextTimeoutConfig{Skipper: isStream, Timeout: 10 * time.Second}))
	e.POST("/login", func(c echo.Context) error {
		var body struct{ User string }
		if err := c.Bind(&body); err != nil {
			return err
		}
		return answer(c)(suite.Login(c.Request().Context(), body.User))
	})
	e.POST("/login-and-redirect", func(c echo.Context) error {
		if _, err := suite.Login(c.Request().Context(), "ada"); err != nil {
			return echo.NewHTTPError(session.StatusCode(err))
		}
		return c.Redirect(http.StatusSeeOther, "/account")
	})
	e.POST("/logout", func(c echo.Context) error {
		if err := suite.Logout(c.Request().Context()); err != nil {
			return echo.NewHTTPError(session.StatusCode(err))
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.GET("/account", func(c echo.Context) error { return answer(c)(suite.Account(c.Request().Context(), sessions)) })
	e.DELETE("/sessions/:id", func(c echo.Context) error {
		ended, err := suite.End(c.Request().Context(), sessions, c.Param("id"))
		switch {
		case err != nil:
			return echo.NewHTTPError(session.StatusCode(err))
		case !ended:
			return echo.ErrNotFound
		}
		return c.NoContent(http.StatusNoContent)
	})
	e.POST("/fill", func(c echo.Context) error {
		suite.Fill(c.Request().Context())
		return c.String(http.StatusOK, "filled")
	})
	e.POST("/fill-in-time", func(c echo.Context) error {
		suite.Fill(c.Request().Context())
		return c.String(http.StatusOK, "filled")
	}, timeout())
	e.POST("/refuse", func(c echo.Context) error {
		if err := suite.Refuse(c.Request().Context()); err != nil {
			return echo.NewHTTPError(http.StatusUnprocessableEntity, "no such value")
		}
		return nil
	})
	e.POST("/break", func(c echo.Context) error { suite.Break(c.Request().Context()); return nil })
	e.POST("/abort", func(c echo.Context) error { suite.Abort(c.Request().Context()); return nil })
	e.GET("/events", events)
	e.GET("/socket", func(c echo.Context) error { suite.Socket(c.Response(), c.Request()); return nil })
	return e
}

// isStream is for what takes longer than a request.
func isStream(c echo.Context) bool { return c.Path() == "/events" || c.IsWebSocket() }

// quiet logs nowhere.
var quiet = middleware.RequestLoggerConfig{
	LogStatus: true, LogValuesFunc: func(echo.Context, middleware.RequestLoggerValues) error { return nil },
}

// timeout is Echo's former timeout, which writes a response of its own.
func timeout() echo.MiddlewareFunc {
	//lint:ignore SA1019 services still use it
	return middleware.TimeoutWithConfig(middleware.TimeoutConfig{Timeout: time.Minute})
}

func silent(_ echo.Context, err error, _ []byte) error { return err }

func answer(c echo.Context) func(map[string]any, error) error {
	return func(body map[string]any, err error) error {
		if err != nil {
			return echo.NewHTTPError(session.StatusCode(err))
		}
		return c.JSON(http.StatusOK, body)
	}
}

func events(c echo.Context) error {
	c.Response().Header().Set("Content-Type", "text/event-stream")
	ctx, err := session.Watch(c.Request().Context())
	if err != nil {
		return err
	}
	fmt.Fprint(c.Response(), "data: hello\n\n")
	c.Response().Flush()
	<-ctx.Done()
	fmt.Fprint(c.Response(), "data: bye\n\n")
	return nil
}
