// Package fiberapp shows sessions with fiber, which runs on fasthttp: the middleware of net/http ends before fiber's
// handler begins, so fiber has one of its own, on an Exchange.
package fiberapp

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/compress"
	"github.com/gofiber/fiber/v3/middleware/csrf"
	"github.com/gofiber/fiber/v3/middleware/logger"
	"github.com/gofiber/fiber/v3/middleware/recover"
	"github.com/gofiber/fiber/v3/middleware/requestid"
	"github.com/gofiber/fiber/v3/middleware/timeout"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
	"github.com/valyala/fasthttp"
)

// New returns the program.
func New(sessions *session.Manager) *fiber.App {
	app := fiber.New(fiber.Config{BodyLimit: 1 << 20})
	app.Use(requestid.New(), logger.New(logger.Config{Stream: io.Discard}), recover.New())
	app.Use(compress.New(compress.Config{Next: isStream})) // which would wait for the stream's end
	app.Use(csrf.New())
	app.Use(Sessions(sessions))
	app.Post("/login", func(c fiber.Ctx) error {
		var body struct{ User string }
		if err := c.Bind().JSON(&body); err != nil {
			return err
		}
		return answer(c)(suite.Login(c.Context(), body.User))
	})
	app.Post("/login-and-redirect", func(c fiber.Ctx) error {
		if _, err := suite.Login(c.Context(), "ada"); err != nil {
			return failed(err)
		}
		return c.Redirect().Status(fiber.StatusSeeOther).To("/account")
	})
	app.Post("/logout", func(c fiber.Ctx) error {
		if err := suite.Logout(c.Context()); err != nil {
			return failed(err)
		}
		return c.SendStatus(fiber.StatusNoContent)
	})
	app.Get("/account", func(c fiber.Ctx) error { return answer(c)(suite.Account(c.Context(), sessions)) })
	app.Delete("/sessions/:id", func(c fiber.Ctx) error {
		ended, err := suite.End(c.Context(), sessions, c.Params("id"))
		switch {
		case err != nil:
			return failed(err)
		case !ended:
			return fiber.ErrNotFound
		}
		return c.SendStatus(fiber.StatusNoContent)
	})
	app.Post("/fill", func(c fiber.Ctx) error {
		suite.Fill(c.Context())
		return c.SendString("filled")
	})
	app.Post("/fill-in-time", timeout.New(func(c fiber.Ctx) error {
		suite.Fill(c.Context())
		return c.SendString("filled")
	}, timeout.Config{Timeout: time.Minute}))
	app.Post("/too-late", timeout.New(late, timeout.Config{Timeout: time.Millisecond}))
	app.Post("/refuse", func(c fiber.Ctx) error {
		if err := suite.Refuse(c.Context()); err != nil {
			return fiber.NewError(fiber.StatusUnprocessableEntity, "no such value")
		}
		return nil
	})
	app.Post("/break", func(c fiber.Ctx) error { suite.Break(c.Context()); return nil })
	app.Post("/abort", func(c fiber.Ctx) error { suite.Abort(c.Context()); return nil })
	app.Get("/events", events)
	app.Get("/socket", socket)
	return app
}

func isStream(c fiber.Ctx) bool { return strings.HasPrefix(c.Get("Accept"), "text/event-stream") }

func failed(err error) error { return fiber.NewError(session.StatusCode(err)) }

func answer(c fiber.Ctx) func(map[string]any, error) error {
	return func(body map[string]any, err error) error {
		if err != nil {
			return failed(err)
		}
		return c.JSON(body)
	}
}

// late logs in, and takes longer than fiber's timeout lets it.
func late(c fiber.Ctx) error {
	_, err := suite.Login(c.Context(), "ada")
	<-c.Context().Done()
	return err
}

// events is a stream. Fiber does not say that a client has gone: a comment in each interval finds out.
func events(c fiber.Ctx) error {
	ctx, done, err := Stay(c)
	if err != nil {
		return err
	}
	c.Set("Content-Type", "text/event-stream")
	return c.SendStreamWriter(func(w *bufio.Writer) {
		defer done()
		fmt.Fprint(w, "data: hello\n\n")
		for beat := time.Tick(15 * time.Second); w.Flush() == nil; {
			select {
			case <-beat:
				fmt.Fprint(w, ": still here\n\n")
			case <-ctx.Done():
				fmt.Fprint(w, "data: bye\n\n")
				return
			}
		}
	})
}

// upgrader leaves the Origin to the manager, which has checked it.
var upgrader = websocket.FastHTTPUpgrader{CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }}

// socket counts in the session what it receives.
func socket(c fiber.Ctx) error {
	ctx, done, err := Stay(c)
	if err != nil {
		return err
	}
	s := session.FromContext(ctx)
	return upgrader.Upgrade(c.RequestCtx(), func(conn *websocket.Conn) {
		defer done()
		defer context.AfterFunc(ctx, func() { closeWith(ctx, conn) })()
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
			n, err := received.Modify(ctx, s, func(n int) (int, error) { return n + 1, nil })
			if err != nil || conn.WriteJSON(n) != nil {
				return
			}
		}
	})
}

var received = session.NewKey("received", 0)

// closeWith tells the client how its session has ended.
func closeWith(ctx context.Context, conn *websocket.Conn) {
	code, reason := session.CloseCode(ctx)
	if code == 0 {
		code = websocket.CloseGoingAway
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, reason), time.Now().Add(time.Second))
	_ = conn.Close()
}
