// Package humaapp shows sessions with huma: the middleware is that of the router below, and operations take the session
// from their context.
package humaapp

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

type (
	none   struct{}
	answer struct{ Body map[string]any }
	user   struct {
		Body struct {
			User string `json:"user"`
		}
	}
	redirect struct {
		Status   int
		Location string `header:"Location"`
	}
)

// New returns the program.
func New(sessions *session.Manager) http.Handler {
	r := chi.NewRouter()
	logger := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0)})
	r.Use(middleware.RequestID, logger, middleware.Recoverer, middleware.Compress(5), middleware.RequestSize(1<<20))
	r.Use(http.NewCrossOriginProtection().Handler)
	r.Use(sessions.Handler)
	api := humachi.New(r, huma.DefaultConfig("visits", "1.0.0"))
	huma.Get(api, "/events", events)
	r.Get("/socket", suite.Socket) // no operation of huma's
	operations(within(api, 10*time.Second), sessions)
	return r
}

// within returns the API with a limit of time, for all but streams.
func within(api huma.API, limit time.Duration) huma.API {
	group := huma.NewGroup(api)
	group.UseMiddleware(func(c huma.Context, next func(huma.Context)) {
		ctx, cancel := context.WithTimeout(c.Context(), limit)
		defer cancel()
		next(huma.WithContext(c, ctx))
	})
	return group
}

func operations(api huma.API, sessions *session.Manager) {
	huma.Post(api, "/login", func(ctx context.Context, in *user) (*answer, error) {
		return shown(suite.Login(ctx, in.Body.User))
	})
	huma.Post(api, "/login-and-redirect", func(ctx context.Context, _ *none) (*redirect, error) {
		if _, err := suite.Login(ctx, "ada"); err != nil {
			return nil, failed(err)
		}
		return &redirect{http.StatusSeeOther, "/account"}, nil
	})
	huma.Post(api, "/logout", func(ctx context.Context, _ *none) (*none, error) {
		if err := suite.Logout(ctx); err != nil {
			return nil, failed(err)
		}
		return nil, nil
	})
	huma.Get(api, "/account", func(ctx context.Context, _ *none) (*answer, error) {
		return shown(suite.Account(ctx, sessions))
	})
	huma.Delete(api, "/sessions/{id}", func(ctx context.Context, in *struct {
		ID string `path:"id"`
	}) (*none, error) {
		ended, err := suite.End(ctx, sessions, in.ID)
		switch {
		case err != nil:
			return nil, failed(err)
		case !ended:
			return nil, huma.Error404NotFound("no such session")
		}
		return nil, nil
	})
	huma.Post(api, "/fill", func(ctx context.Context, _ *none) (*answer, error) {
		suite.Fill(ctx)
		return &answer{map[string]any{"done": "filled"}}, nil
	})
	huma.Post(api, "/refuse", func(ctx context.Context, _ *none) (*none, error) {
		if err := suite.Refuse(ctx); err != nil {
			return nil, huma.Error422UnprocessableEntity("no such value")
		}
		return nil, nil
	})
	huma.Post(api, "/break", func(ctx context.Context, _ *none) (*none, error) { suite.Break(ctx); return nil, nil })
	huma.Post(api, "/abort", func(ctx context.Context, _ *none) (*none, error) { suite.Abort(ctx); return nil, nil })
}

// failed is an error of the session's as one of huma's.
func failed(err error) error { return huma.NewError(session.StatusCode(err), "try again") }

func shown(body map[string]any, err error) (*answer, error) {
	if err != nil {
		return nil, failed(err)
	}
	return &answer{body}, nil
}

// events is a stream that ends with the session.
func events(ctx context.Context, _ *none) (*huma.StreamResponse, error) {
	ctx, err := session.Watch(ctx)
	if err != nil {
		return nil, failed(err)
	}
	return &huma.StreamResponse{Body: func(c huma.Context) {
		c.SetHeader("Content-Type", "text/event-stream")
		w := c.BodyWriter().(http.ResponseWriter)
		fmt.Fprint(w, "data: hello\n\n")
		_ = http.NewResponseController(w).Flush()
		<-ctx.Done()
		fmt.Fprint(w, "data: bye\n\n")
	}}, nil
}
