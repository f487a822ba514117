// Package humaapp shows sessions with huma on chi: the middleware is the router's.
package humaapp

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/simples-go/sessions/session"
)

type answer struct {
	Body struct {
		User string `json:"user"`
	}
}

// New returns the program. Operations get a context with the session.
func New(sessions *session.Manager) http.Handler {
	r := chi.NewRouter()
	r.Use(sessions.Handler)
	api := humachi.New(r, huma.DefaultConfig("visits", "1.0.0"))
	huma.Post(api, "/login", func(ctx context.Context, in *struct {
		Body struct {
			User string `json:"user"`
		}
	}) (*answer, error) {
		s := session.FromContext(ctx)
		if err := s.Login(in.Body.User); err != nil {
			return nil, huma.NewError(session.StatusCode(err), "try again")
		}
		return me(s), nil
	})
	huma.Get(api, "/me", func(ctx context.Context, _ *struct{}) (*answer, error) { return me(session.FromContext(ctx)), nil })
	huma.Post(api, "/fill", func(ctx context.Context, _ *struct{}) (*answer, error) {
		s := session.FromContext(ctx)
		_, _ = s.Set("a", make([]byte, 500_000)), s.Set("b", make([]byte, 500_000))
		return me(s), nil
	})
	return r
}

func me(s *session.Session) *answer {
	a := &answer{}
	a.Body.User = s.Owner()
	return a
}
