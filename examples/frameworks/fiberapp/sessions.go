package fiberapp

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/log"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/simples-go/sessions/session"
	"github.com/valyala/fasthttp"
)

// Sessions is the middleware for fiber. Handlers find the session in c.Context(). An error that a handler returns is
// answered inside, so that what is saved agrees with the status.
func Sessions(m *session.Manager) fiber.Handler {
	return func(c fiber.Ctx) error {
		r, err := adaptor.ConvertRequest(c, true)
		if err != nil {
			return fiber.ErrBadRequest
		}
		outer := c.Context()
		x, err := m.BeginRequest(r.WithContext(outer))
		if err != nil {
			return fiber.NewError(session.StatusCode(err))
		}
		e := &exchange{Exchange: x}
		c.Response().Header.CopyTo(&e.kept)
		c.SetContext(context.WithValue(x.Context(), exchangeKey{}, e))
		defer e.end(c, outer)
		err = c.Next()
		if err != nil && !c.IsAbandoned() {
			err = c.App().ErrorHandler(c, err)
		}
		if err != nil {
			return err
		}
		return e.answer(c)
	}
}

// exchange is one request, and what it has left to do.
type exchange struct {
	*session.Exchange
	kept     fasthttp.ResponseHeader // of the middleware around this one
	answered bool
	stays    bool // a stream or a socket goes on when the handler has returned
}

type exchangeKey struct{}

// answer commits before fasthttp sends the response. A response that could not be committed makes way for the error.
func (e *exchange) answer(c fiber.Ctx) error {
	e.answered = true
	err := e.CommitStatus(c.Response().StatusCode())
	if err != nil {
		c.Response().Reset()
		e.kept.CopyTo(&c.Response().Header)
		err = fiber.NewError(session.StatusCode(err))
	}
	e.announce(c)
	return err
}

// announce puts the session's fields into the response's header.
func (e *exchange) announce(c fiber.Ctx) {
	header := http.Header{}
	e.Announce(header)
	for name, lines := range header {
		for _, line := range lines {
			if name == "Cache-Control" {
				c.Response().Header.Set(name, line)
			} else {
				c.Response().Header.Add(name, line)
			}
		}
	}
}

// end is called at the handler's return. If that has panicked, or was abandoned by fiber's timeout, nothing is saved.
func (e *exchange) end(c fiber.Ctx, outer context.Context) {
	if !e.answered {
		e.Discard()
	}
	if c.IsAbandoned() {
		e.Close()
		return // the handler still has c, and the response has been sent
	}
	if !e.answered {
		e.announce(c)
	}
	c.SetContext(outer)
	if goesOn := c.Response().IsBodyStream() || c.Response().StatusCode() == fiber.StatusSwitchingProtocols; !e.stays || !goesOn {
		e.Close()
	}
}

// Stay is session.Watch for a stream or a socket, whose work begins when fiber's handler has returned: the session goes on
// until done is called, which saves what was changed. An error is fiber's, for the handler to return.
func Stay(c fiber.Ctx) (ctx context.Context, done func(), err error) {
	e := c.Context().Value(exchangeKey{}).(*exchange)
	ctx, err = session.Watch(c.Context())
	if err != nil {
		return nil, nil, fiber.NewError(session.StatusCode(err))
	}
	e.stays = true
	return ctx, func() {
		defer e.Close()
		if err := e.Commit(); err != nil {
			log.Errorw("session: changes of a stream or socket are lost", "session", e.Session(), "error", err)
		}
	}, nil
}
