package behind

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func newSessions(t *testing.T) *session.Manager {
	t.Helper()
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

func setting(w http.ResponseWriter, r *http.Request) {
	Page(w, r)
	_ = session.FromContext(r.Context()).Set("k", 1)
}

// The hint comes once, and only if the browser would not keep the cookie.
func TestHint(t *testing.T) {
	for name, c := range map[string]struct {
		url, proto string
		handler    http.HandlerFunc
		hints      int
	}{
		"plain":            {"http://app.example.com/", "", setting, 1},
		"proxy says http":  {"http://app.example.com/", "http", setting, 1},
		"proxy says https": {"http://app.example.com/", "https", setting, 0},
		"TLS":              {"https://app.example.com/", "", setting, 0},
		"no cookie":        {"http://app.example.com/", "", Page, 0},
	} {
		var log bytes.Buffer
		h := Hint(slog.New(slog.NewTextHandler(&log, nil)), newSessions(t).Handler(c.handler))
		for range 2 {
			r := httptest.NewRequest(http.MethodGet, c.url, nil)
			if c.proto != "" {
				r.Header.Set("X-Forwarded-Proto", c.proto)
			}
			h.ServeHTTP(httptest.NewRecorder(), r)
		}
		if got := strings.Count(log.String(), "each visit begins a new session"); got != c.hints {
			t.Errorf("%s: %d hints, want %d", name, got, c.hints)
		}
	}
}

// A response with a token is kept by no cache, whatever its handler says; one without is kept as the handler says.
func TestCaches(t *testing.T) {
	sessions := newSessions(t)
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		keeps   bool
	}{"page": {Page, true}, "page with a new session": {setting, false}} {
		w := httptest.NewRecorder()
		sessions.Handler(c.handler).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil))
		public := strings.Contains(w.Header().Get("Cache-Control"), "public") && w.Header().Get("CDN-Cache-Control") != ""
		private := w.Header().Get("CDN-Cache-Control") == "" && w.Header().Get("Cache-Control") == "no-store"
		if public != c.keeps || private == c.keeps {
			t.Errorf("%s: %v", name, w.Header())
		}
	}
}
