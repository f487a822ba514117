package session_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// hostCookie is the cookie's name under the zero Config.
const hostCookie = "__Host-Http-session"

// errDown is what a store says whose database is down.
var errDown = errors.New("the database is down")

// site is a manager on a spy.
type site struct {
	t     testing.TB
	m     *session.Manager
	store *spy
	log   *logBuffer

	sealing session.Sealing
}

func newSite(t testing.TB, change ...func(*session.Config)) *site {
	t.Helper()
	s := &site{t: t, store: &spy{Store: memstore.New()}, log: &logBuffer{}}
	config := session.Config{Logger: slog.New(slog.NewTextHandler(s.log, nil)), CollectInterval: -1}
	for _, change := range change {
		change(&config)
	}
	s.m, s.sealing = newManager(t, s.store, config), config.Sealing
	return s
}

// newManager returns a manager that is shut down at the test's end.
func newManager(t testing.TB, store session.Store, config session.Config) *session.Manager {
	t.Helper()
	m, err := session.New(store, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Shutdown(context.WithoutCancel(t.Context())) })
	return m
}

// logBuffer takes log lines from any goroutine.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// stored makes a session with a row, without a request.
func (s *site) stored(entries ...string) *session.Session {
	s.t.Helper()
	made := s.m.NewSession()
	for _, key := range entries {
		s.ok(made.Set(key, key+"'s value"))
	}
	if len(entries) == 0 {
		s.ok(made.Generate())
	}
	s.ok(made.Save(s.t.Context()))
	s.store.taken()
	return made
}

// open opens a session by another's token, as another connection does.
func (s *site) open(other *session.Session) *session.Session {
	s.t.Helper()
	opened, err := s.m.Open(s.t.Context(), other.ID().Reveal())
	s.ok(err)
	return opened
}

func (s *site) ok(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// browser returns one without a cookie, or with that of a session.
func (s *site) browser(with ...*session.Session) *browser {
	b := &browser{site: s, cookies: map[string]string{}}
	for _, w := range with {
		b.cookies[hostCookie] = w.ID().Reveal()
	}
	return b
}

// browser keeps cookies.
type browser struct {
	*site
	cookies map[string]string
}

func (b *browser) token() string { return b.cookies[hostCookie] }

func (b *browser) request() *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil).WithContext(b.t.Context())
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	return r
}

// take does what a browser does with Set-Cookie.
func (b *browser) take(response *http.Response) {
	for _, c := range response.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
}

// visit sends a request to a handler.
func (b *browser) visit(h http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	b.m.Handler(h).ServeHTTP(w, b.request())
	b.take(w.Result())
	return w
}

// use visits with a handler that does something to the session, none of which may fail.
func (b *browser) use(fn func(*session.Session) error) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.visit(func(_ http.ResponseWriter, r *http.Request) {
		if err := fn(session.FromContext(r.Context())); err != nil {
			b.t.Errorf("handler: %v", err)
		}
	})
}

// set visits with a handler that sets entries.
func (b *browser) set(keys ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	return b.use(func(s *session.Session) (err error) {
		for _, key := range keys {
			err = errors.Join(err, s.Set(key, key+"'s value"))
		}
		return err
	})
}

// keys visits and returns the session's keys.
func (b *browser) keys() (keys []string) {
	b.t.Helper()
	b.use(func(s *session.Session) error { keys = s.Keys(); return nil })
	return keys
}

func wantEvents(t testing.TB, s *spy, want ...string) {
	t.Helper()
	if got := s.taken(); !slices.Equal(got, want) {
		t.Errorf("statements %q, want %q", got, want)
	}
}

func wantKeys(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

func wantIs(t testing.TB, what string, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("%s: %v, want %v", what, err, target)
	}
}

func wantStatus(t testing.TB, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("status %d, want %d; body %q", w.Code, want, w.Body)
	}
}

// wantNoCookie checks that a response says nothing about the session.
func wantNoCookie(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	if lines := w.Result().Header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("%d Set-Cookie lines, want none", len(lines))
	}
}

// wantSecret checks that a text gives no part of a token's secret away. The first 22 characters have the row key.
func wantSecret(t testing.TB, what, text, token string) {
	t.Helper()
	if len(token) == 64 && strings.Contains(text, token[22:40]) {
		t.Errorf("%s gives the token away", what)
	}
}
