package session_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

// failureCases are errors of a commit, and what a client is told.
var failureCases = []struct {
	name   string
	before func(*site)
	change func(*session.Session) error
	status int
}{
	{"store down", func(s *site) { s.store.failBefore(errDown, "save") }, setting, http.StatusServiceUnavailable},
	{"gone", func(s *site) { s.store.failBefore(session.ErrGone, "save") }, setting, http.StatusConflict},
	{"rotated", func(s *site) { s.store.failBefore(session.ErrRotated, "save") }, setting, http.StatusConflict},
	{"corrupt", func(s *site) { s.store.failBefore(session.ErrCorrupt, "save") }, setting, http.StatusInternalServerError},
	{"too large", nil, func(s *session.Session) error {
		return errors.Join(s.Set("a", strings.Repeat("x", 600_000)), s.Set("b", strings.Repeat("x", 600_000)))
	}, http.StatusRequestEntityTooLarge},
	{"no value, and nobody looked", nil, func(s *session.Session) error {
		_ = s.Set("k", make(chan int))
		return s.Set("other", 1)
	}, http.StatusInternalServerError},
	{"set after destroy, and nobody looked", nil, func(s *session.Session) error {
		defer func() { _ = s.Set("k", 1) }()
		return s.Destroy(context.Background())
	}, http.StatusConflict},
	{"too many of one owner", func(s *site) { s.store.failBefore(session.ErrOwnerLimit, "save") },
		func(s *session.Session) error { return s.SetOwner("ann") }, http.StatusTooManyRequests},
}

// A commit that fails is answered in the handler's place: nothing of what it has put into header and body gets out, and
// every later write is discarded as if it had succeeded: frameworks answer an error of it once more.
func TestFailedCommitIsAnswered(t *testing.T) {
	for _, c := range failureCases {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("name"))
			if c.before != nil {
				c.before(s)
			}
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Handler", "1")
				w.Header().Set("Content-Type", "application/pdf")
				w.Header().Set("Content-Length", "6")
				http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
				if err := c.change(session.FromContext(r.Context())); err != nil {
					t.Errorf("handler: %v", err)
				}
				w.WriteHeader(http.StatusCreated)
				discardsWrites(t, w)
			})
			wantStatus(t, w, c.status)
			if got := w.Header(); got.Get("X-Handler") != "" || got.Get("Content-Length") != "" || len(b.cookies) != 1 &&
				c.name != "set after destroy, and nobody looked" {
				t.Errorf("the handler's header got out: %v", got)
			}
			if body := strings.TrimSpace(w.Body.String()); body != http.StatusText(c.status) {
				t.Errorf("body %q", body)
			}
			if w.Header().Get("Vary") != "Cookie" {
				t.Errorf("Vary %q", w.Header()["Vary"])
			}
		})
	}
}

// discardsWrites checks that every way of writing succeeds.
func discardsWrites(t *testing.T, w http.ResponseWriter) {
	t.Helper()
	n, err := w.Write([]byte("secret"))
	n2, err2 := io.WriteString(w, "secret")
	n3, err3 := io.Copy(w, strings.NewReader("secret"))
	err4 := http.NewResponseController(w).Flush()
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusAccepted)
	if n != 6 || n2 != 6 || n3 != 6 {
		t.Errorf("%d, %d and %d bytes written", n, n2, n3)
	}
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Error(err)
	}
}

// What stood in the header before the handler, of other middleware, stays.
func TestFailedCommitKeepsTheHeaderOfOthers(t *testing.T) {
	s := newSite(t)
	s.store.failBefore(errDown, "create")
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "17")
	s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "changed")
		s.ok(session.FromContext(r.Context()).Set("k", 1))
	})).ServeHTTP(w, s.browser().request())
	wantStatus(t, w, http.StatusServiceUnavailable)
	if got := w.Header()["X-Request-Id"]; len(got) != 1 || got[0] != "17" {
		t.Errorf("X-Request-Id %q", got)
	}
}

// After the answer that says that nothing was saved, nothing is: a row that is made then has no cookie that opens it,
// and a rotation would be the user's logout.
func TestNothingIsSavedAfterAFailedCommit(t *testing.T) {
	badValue := func(s *session.Session) error { _ = s.Set("c", make(chan int)); return s.Set("k", 1) }
	for name, c := range map[string]struct {
		change func(*session.Session) error
		new    bool
		cookie bool // the change needs one
	}{
		"new session": {setting, true, true},
		"change":      {setting, false, false},
		"rotation":    {(*session.Session).Generate, false, true},
		"bad value":   {badValue, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("name")
			b := s.browser(live)
			if c.new {
				b = s.browser()
			}
			s.store.failBefore(errDown, "create", "save")
			b.visit(func(w http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				s.ok(c.change(of))
				fmt.Fprint(w, "body")
				s.store.failBefore(nil)
				if c.cookie {
					wantIs(t, "the handler's own save", of.Save(r.Context()), session.ErrNoCookie)
				}
				s.store.taken()
			})
			wantEvents(t, s.store)
			if n := s.store.Len(); n != 1 {
				t.Errorf("%d rows", n)
			}
			s.open(live) // by the token of before
		})
	}
}

// A cookie that is due, because the handler has saved before, is sent with the error's answer: it is the only one that
// opens the session now.
func TestFailedCommitSendsWhatIsDurable(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("name"))
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		s.ok(errors.Join(of.Generate(), of.Save(r.Context()), of.Set("late", 1)))
		s.store.failBefore(errDown, "save")
	})
	s.store.failBefore(nil)
	wantStatus(t, w, http.StatusServiceUnavailable)
	if w.Header().Get("Cache-Control") != "no-store" {
		t.Error("a cookie in a response that may be stored")
	}
	wantKeys(t, b.keys(), "name")
}

func TestFailedLoad(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"down":    {errDown, http.StatusServiceUnavailable},
		"corrupt": {fmt.Errorf("row: %w", session.ErrCorrupt), http.StatusInternalServerError},
		"timeout": {context.DeadlineExceeded, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("name"))
			s.store.failBefore(c.err, "load")
			w := b.visit(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })
			wantStatus(t, w, c.status)
			wantNoCookie(t, w)
			if w.Header().Get("Vary") != "Cookie" {
				t.Errorf("Vary %q", w.Header()["Vary"])
			}
			if !strings.Contains(s.log.String(), c.err.Error()) {
				t.Errorf("the log does not say why: %q", s.log)
			}
			s.store.failBefore(nil)
			wantKeys(t, b.keys(), "name")
		})
	}
}

// A handler that answers with an error of its own has dealt with a Set that failed.
func TestHandlerReportsItsOwnError(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("name"))
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := session.FromContext(r.Context()).Set("k", make(chan int)); err != nil {
			http.Error(w, "mine", http.StatusTeapot)
		}
	})
	wantStatus(t, w, http.StatusTeapot)
	if w.Body.String() != "mine\n" {
		t.Errorf("body %q", w.Body)
	}
}

func TestErrorHandler(t *testing.T) {
	var told error
	s := newSite(t, func(c *session.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, r *http.Request, err error) {
			told = err
			w.Header().Set("Retry-After", "1")
			http.Error(w, r.URL.Path, http.StatusBadGateway)
		}
	})
	s.store.failBefore(errDown, "create")
	w := s.browser().set("k")
	wantStatus(t, w, http.StatusBadGateway)
	wantIs(t, "told", told, errDown)
	if w.Header().Get("Retry-After") != "1" || w.Body.String() != "/\n" {
		t.Errorf("header %v, body %q", w.Header(), w.Body)
	}
}

// Who has saved by himself and was told that it failed answers as he likes: with an error, or with a redirect where nothing
// can be saved.
func TestAHandlerAnswersForASaveOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		err          error
		status, want int
	}{
		"an error of the handler's own": {session.ErrOwnerLimit, http.StatusTooManyRequests, http.StatusTooManyRequests},
		"a redirect of who is gone":     {session.ErrGone, http.StatusSeeOther, http.StatusSeeOther},
		"a database that is down":       {errDown, http.StatusBadGateway, http.StatusBadGateway},
		"a redirect all the same":       {errDown, http.StatusSeeOther, http.StatusServiceUnavailable},
		"a success that is none":        {session.ErrTooLarge, http.StatusOK, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("a"))
			s.store.failBefore(c.err, "save")
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				s.ok(of.Set("b", 1))
				wantIs(t, "Save", of.Save(r.Context()), c.err)
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
			})
			wantStatus(t, w, c.want)
		})
	}
}

// What a handler has saved before it panicked is durable: whoever recovers from that must be able to send the cookie.
func TestAPanicAfterARotationLeavesTheCookie(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if recover() != nil {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			s.ok(errors.Join(of.Renew(), of.Save(r.Context())))
			panic("after the save")
		})).ServeHTTP(w, b.request())
	}()
	b.take(w.Result())
	wantStatus(t, w, http.StatusInternalServerError)
	wantKeys(t, b.keys(), "a")
}

func TestAStoreThatPanicsLosesNothing(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	s.ok(of.Set("b", 1))
	s.store.hook(func(context.Context, string) error { panic("store") })
	func() {
		defer func() { _ = recover() }()
		_ = of.Save(t.Context())
	}()
	s.store.hook(nil)
	s.ok(of.Set("c", 1))
	s.ok(of.Save(t.Context()))
	wantKeys(t, s.open(of).Keys(), "a", "b", "c")
}

func TestStatusOfSeveralErrorsIsThatOfTheServersMistake(t *testing.T) {
	for range 50 {
		if got := session.StatusCode(errors.Join(session.ErrGone, session.ErrValue)); got != http.StatusInternalServerError {
			t.Fatalf("status %d", got)
		}
	}
}
