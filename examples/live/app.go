package main

import (
	"log/slog"
	"net/http"

	"github.com/simples-go/sessions/session"
)

// maxBytes is the size of a session, the default of session.Config.
const maxBytes = 1 << 20

// maxBody is a little more, so that what is only just too large is refused by the session, which knows its exact size.
const maxBody = maxBytes + 4096

type app struct {
	sessions *session.Manager
	tabs     *presence
}

// newApp returns the application of the node that is reached at addr.
func newApp(store openedStore, addr string) (*app, error) {
	sessions, err := session.New(store.Store, session.Config{
		MaxBytes:     maxBytes,
		Cookie:       session.Cookie{InsecureHTTP: true}, // so that it runs without a certificate
		WebSocket:    session.WebSocket{Create: true},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { writeError(w, err) },
	})
	if err != nil {
		return nil, err
	}
	tabs, err := newPresence(sessions, addr)
	if err != nil {
		return nil, err
	}
	return &app{sessions: sessions, tabs: tabs}, nil
}

// handler serves the page without a session, and the rest with one.
func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", page())
	mux.Handle("/api/", a.sessions.Handler(a.api()))
	mux.Handle("/ws", a.sessions.Handler(http.HandlerFunc(a.serveSocket)))
	// It lets every GET pass. The socket's Origin is checked by the sessions' middleware.
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, errCrossSite)
	}))
	return protection.Handler(mux)
}

func (a *app) api() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /api/session", handler(getSession))
	mux.Handle("PUT /api/session/data/{key...}", handler(putEntry))
	mux.Handle("DELETE /api/session/data/{key...}", handler(deleteEntry))
	mux.Handle("POST /api/session/increment/{key...}", handler(postIncrement))
	mux.Handle("POST /api/session/rotate", handler(postRotate))
	mux.Handle("POST /api/session/destroy", handler(postDestroy))
	mux.Handle("PUT /api/session/timeout", handler(putTimeout))
	mux.Handle("GET /api/user", handler(a.getUser))
	mux.Handle("PUT /api/user", handler(putUser))
	mux.Handle("DELETE /api/user/sessions", handler(a.deleteOtherSessions))
	mux.Handle("DELETE /api/user/sessions/{handle}", handler(a.deleteSession))
	mux.Handle("/", handler(func(http.ResponseWriter, *http.Request, *session.Session) error { return errNotFound }))
	return mux
}

// handler is a function that serves a request with its session. What it returns is answered as JSON.
type handler func(http.ResponseWriter, *http.Request, *session.Session) error

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	err := s.Err() // the token was rotated meanwhile
	if err == nil {
		err = h(w, r, s)
	}
	if err == nil {
		return
	}
	if statusOf(err) >= http.StatusInternalServerError {
		slog.ErrorContext(r.Context(), "live: request failed", "session", s, "error", err)
	}
	writeError(w, err)
}
