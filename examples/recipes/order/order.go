// Package order puts middleware around sessions in the order in which nothing is lost.
package order

import (
	"compress/gzip"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/simples-go/sessions/session"
)

// Chain is an application with all of it, outermost first: recovery, compression, the check of the request's origin,
// the sessions, and a time limit.
func Chain(sessions *session.Manager, app http.Handler) http.Handler {
	h := http.TimeoutHandler(app, time.Second, "too slow")
	h = sessions.Handler(h)
	h = http.NewCrossOriginProtection().Handler(h)
	h = compressing(h)
	return recovering(h)
}

// recovering answers a panic. The sessions' middleware is inside: it saves nothing and passes the panic on.
func recovering(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				slog.ErrorContext(r.Context(), "panic", "cause", p)
				http.Error(w, "internal error", http.StatusInternalServerError)
			} else if p != nil {
				panic(p)
			}
		}()
		h.ServeHTTP(w, r)
	})
}

// compressing is some library's. What matters is that it is outside, and that its writer unwraps.
func compressing(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := &compressed{ResponseWriter: w, zip: gzip.NewWriter(w)}
		defer z.zip.Close()
		h.ServeHTTP(z, r)
	})
}

type compressed struct {
	http.ResponseWriter
	zip *gzip.Writer
}

func (c *compressed) Write(p []byte) (int, error) { return c.zip.Write(p) }

// Unwrap is for http.ResponseController.
func (c *compressed) Unwrap() http.ResponseWriter { return c.ResponseWriter }
