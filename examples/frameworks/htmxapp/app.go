// Package htmxapp shows sessions with htmx: fragments, an event stream of the session's changes and of its end, and
// a page that is loaded again if its session has ended meanwhile.
package htmxapp

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/simples-go/sessions/examples/frameworks/suite"
	"github.com/simples-go/sessions/session"
)

var note = session.NewKey("note", "")

// New returns the program.
func New(sessions *session.Manager) http.Handler {
	sessions, err := sessions.Derive(func(c *session.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) { fail(w, err) }
	})
	if err != nil {
		panic(err) // a mistake in the lines above
	}
	r := chi.NewRouter()
	logger := middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(io.Discard, "", 0)})
	r.Use(middleware.RequestID, logger, middleware.Recoverer, middleware.Compress(5), middleware.RequestSize(1<<20))
	r.Use(http.NewCrossOriginProtection().Handler)
	r.Use(sessions.Handler)
	r.Get("/events", events)
	r.Group(func(r chi.Router) {
		r.Use(middleware.Timeout(10 * time.Second))
		r.Get("/", home)
		r.Post("/login", login)
		r.Post("/logout", logout)
		r.Post("/note", write)
		r.Get("/account", show(sessions))
		r.Delete("/sessions/{id}", end(sessions))
	})
	return r
}

// fail answers an error. 409 says that the session has ended, or that a parallel request has given it a new cookie: the
// page is loaded again, with what the browser has now. htmx obeys the field with every status.
func fail(w http.ResponseWriter, err error) {
	status := session.StatusCode(err)
	if status == http.StatusConflict {
		w.Header().Set("HX-Refresh", "true")
	}
	http.Error(w, http.StatusText(status), status)
}

func render(w http.ResponseWriter, t *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = t.Execute(w, data)
}

func home(w http.ResponseWriter, r *http.Request) {
	render(w, page, struct{ User string }{session.FromContext(r.Context()).Owner()})
}

func login(w http.ResponseWriter, r *http.Request) {
	if _, err := suite.Login(r.Context(), r.FormValue("user")); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("HX-Refresh", "true")
}

func logout(w http.ResponseWriter, r *http.Request) {
	if err := suite.Logout(r.Context()); err != nil {
		fail(w, err)
		return
	}
	w.Header().Set("HX-Refresh", "true")
}

func write(w http.ResponseWriter, r *http.Request) {
	if err := note.Set(session.FromContext(r.Context()), r.FormValue("note")); err != nil {
		fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func show(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		flash, failed := session.Pop[string](s, "flash")
		noted, err := note.Get(s)
		failed = errors.Join(failed, err)
		list, err := sessions.Sessions(r.Context(), s.Owner())
		if err := errors.Join(failed, err); err != nil {
			fail(w, err)
			return
		}
		render(w, account, map[string]any{"User": s.Owner(), "Flash": flash, "Note": noted, "Sessions": list})
	}
}

func end(sessions *session.Manager) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch ended, err := suite.End(r.Context(), sessions, r.PathValue("id")); {
		case err != nil:
			fail(w, err)
		case !ended:
			http.NotFound(w, r)
		}
	}
}

// events says when another request has changed the session, and when it has ended.
func events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	ctx, err := session.Watch(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	changes := session.FromContext(ctx).RemoteChanges()
	for send(w, "open"); ; send(w, "changed") {
		select {
		case <-changes:
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), session.ErrGone) {
				send(w, "ended")
			}
			return
		}
	}
}

func send(w http.ResponseWriter, event string) {
	fmt.Fprintf(w, "event: %s\ndata:\n\n", event)
	_ = http.NewResponseController(w).Flush()
}
