// Package behind is for a service behind a proxy that ends TLS.
package behind

import (
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// Hint logs once if a browser would throw the session's cookie away: a Secure cookie is sent in answer to a request
// that has come over plain HTTP. The proxy has to say over what it has come, in X-Forwarded-Proto, which is believed
// for this alone.
func Hint(logger *slog.Logger, h http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") || !setsSecure(w.Header()) {
			return
		}
		once.Do(func() {
			logger.WarnContext(r.Context(), "a Secure cookie is sent over plain HTTP, and browsers drop it: "+
				"each visit begins a new session", "host", r.Host, "X-Forwarded-Proto", r.Header.Get("X-Forwarded-Proto"))
		})
	})
}

func setsSecure(h http.Header) bool {
	for _, line := range h["Set-Cookie"] {
		if c, err := http.ParseSetCookie(line); err == nil && c.Secure && c.MaxAge >= 0 {
			return true
		}
	}
	return false
}

// Page may be kept by caches if nobody's session is in it. A response that sets the session's cookie may not: the
// sessions' middleware has taken these headers back then.
func Page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=60")
	w.Header().Set("CDN-Cache-Control", "max-age=600")
}
