// Package chiapp shows sessions with chi: the middleware is chi's own kind.
package chiapp

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

// New returns the program.
func New(sessions *session.Manager) http.Handler {
	r := chi.NewRouter()
	logger := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0)})
	r.Use(middleware.RequestID, logger, middleware.Recoverer, middleware.Compress(5), middleware.RequestSize(1<<20))
	r.Use(http.NewCrossOriginProtection().Handler)
	r.Use(sessions.Handler)
	r.Use(middleware.Recoverer) // inside as well, or outside alone: a panic saves nothing
	r.Get("/events", events)
	r.Get("/socket", suite.Socket)
	routes(r.With(middleware.Timeout(10*time.Second)), sessions) // for all but streams and sockets
	return r
}

func routes(r chi.Router, sessions *session.Manager) {
	r.Post("/login", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ User string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		answer(w)(suite.Login(r.Context(), body.User))
	})
	r.Post("/login-and-redirect", func(w http.ResponseWriter, r *http.Request) {
		if _, err := suite.Login(r.Context(), "ada"); err != nil {
			http.Error(w, "try again", session.StatusCode(err))
			return
		}
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	})
	r.Post("/logout", func(w http.ResponseWriter, r *http.Request) {
		if err := suite.Logout(r.Context()); err != nil {
			http.Error(w, "try again", session.StatusCode(err))
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	r.Get("/account", func(w http.ResponseWriter, r *http.Request) { answer(w)(suite.Account(r.Context(), sessions)) })
	r.Delete("/sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		ended, err := suite.End(r.Context(), sessions, r.PathValue("id"))
		switch {
		case err != nil:
			http.Error(w, "try again", session.StatusCode(err))
		case !ended:
			http.NotFound(w, r)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	})
	r.Post("/fill", func(w http.ResponseWriter, r *http.Request) {
		suite.Fill(r.Context())
		fmt.Fprint(w, "filled")
	})
	r.Post("/refuse", func(w http.ResponseWriter, r *http.Request) {
		if err := suite.Refuse(r.Context()); err != nil {
			http.Error(w, "no such value", http.StatusUnprocessableEntity)
		}
	})
	r.Post("/break", func(_ http.ResponseWriter, r *http.Request) { suite.Break(r.Context()) })
	r.Post("/abort", func(_ http.ResponseWriter, r *http.Request) { suite.Abort(r.Context()) })
}

// answer writes what a handler has made, or its error.
func answer(w http.ResponseWriter) func(map[string]any, error) {
	return func(body map[string]any, err error) {
		if err != nil {
			http.Error(w, "try again", session.StatusCode(err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(body)
	}
}

func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	ctx, err := session.Watch(r.Context())
	if err != nil {
		return
	}
	fmt.Fprint(w, "data: hello\n\n")
	_ = http.NewResponseController(w).Flush()
	<-ctx.Done()
	fmt.Fprint(w, "data: bye\n\n")
}
