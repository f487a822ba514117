package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// statementCase is one request and what it costs.
type statementCase struct {
	name    string
	cookie  string        // "", "live", "unknown" or "malformed"
	idle    time.Duration // since the session's last access
	handler func(http.ResponseWriter, *http.Request) error
	want    []string
}

func with(fn func(*session.Session) error) func(http.ResponseWriter, *http.Request) error {
	return func(_ http.ResponseWriter, r *http.Request) error { return fn(session.FromContext(r.Context())) }
}

func nothing(http.ResponseWriter, *http.Request) error { return nil }

func reading(s *session.Session) error {
	_, err := session.Get[string](s, "name")
	return errors.Join(err, s.Err())
}

func setting(s *session.Session) error { return s.Set("k", 1) }

// background is the context of what handlers here do to the store.
var background = context.Background()

func destroying(s *session.Session) error { return s.Destroy(background) }

// manyChanges are of every kind.
func manyChanges(s *session.Session) error {
	return errors.Join(s.Set("a", 1), s.Set("a", 2), s.Delete("name"), s.SetOwner("ann"), s.SetTimeout(time.Minute),
		s.SetAbsoluteTimeout(time.Hour), s.Generate(), s.SetPersistent(false))
}

var statementCases = []statementCase{
	{"untouched", "", 0, nothing, nil},
	{"read", "", 0, with(reading), nil},
	{"asked everything", "", 0, with(func(s *session.Session) error {
		s.ID()
		s.Handle()
		s.Keys()
		s.Owner()
		return errors.Join(s.Delete("k"), s.Clear(), s.Save(background), s.Load(background),
			s.Update(background))
	}), nil},
	{"first set", "", 0, with(setting), []string{"create"}},
	{"first changes", "", 0, with(manyChanges), []string{"create"}},
	{"new id", "", 0, with((*session.Session).Generate), []string{"create"}},
	{"destroy nothing", "", 0, with(destroying), nil},
	{"first modify", "", 0, with(increment), []string{"create"}},

	{"malformed read", "malformed", 0, with(reading), nil},
	{"malformed set", "malformed", 0, with(setting), []string{"create"}},
	{"unknown read", "unknown", 0, with(reading), []string{"load"}},
	{"unknown set", "unknown", 0, with(setting), []string{"load", "create"}},

	{"live untouched", "live", 0, nothing, []string{"load"}},
	{"live read", "live", 0, with(reading), []string{"load"}},
	{"live read before the step", "live", 5 * time.Minute, with(reading), []string{"load"}},
	{"live read after the step", "live", 7 * time.Minute, with(reading), []string{"load", "touch"}},
	{"live untouched after the step", "live", 7 * time.Minute, nothing, []string{"load", "touch"}},
	{"live read with a body after the step", "live", 7 * time.Minute, writing(reading), []string{"load", "touch"}},
	{"live set", "live", 0, with(setting), []string{"load", "save"}},
	{"live set with a body", "live", 0, writing(setting), []string{"load", "save"}},
	{"live set after the step", "live", 7 * time.Minute, writing(setting), []string{"load", "save"}},
	{"live changes", "live", 0, with(manyChanges), []string{"load", "save"}},
	{"live saved by the handler", "live", 0, with(func(s *session.Session) error {
		return errors.Join(setting(s), s.Save(background), s.Save(background))
	}), []string{"load", "save"}},
	{"live delete of nothing", "live", 0, with(func(s *session.Session) error { return s.Delete("other") }),
		[]string{"load"}},
	{"live clear", "live", 0, with((*session.Session).Clear), []string{"load", "save"}},
	{"live destroy", "live", 0, with(destroying), []string{"load", "delete"}},
	{"live log out and flash", "live", 0, with(func(s *session.Session) error {
		return errors.Join(s.Destroy(background), s.Generate(), setting(s))
	}), []string{"load", "delete", "create"}},
	{"live modify", "live", 0, with(increment), []string{"load", "load", "save"}},
	{"live modify of nothing", "live", 0, with(func(s *session.Session) error {
		return s.Modify(background, func(*session.Draft) error { return nil })
	}), []string{"load", "load"}},
}

func increment(s *session.Session) error {
	_, err := session.ModifyKey(background, s, "n", func(n int) (int, error) { return n + 1, nil })
	return err
}

func writing(fn func(*session.Session) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := fn(session.FromContext(r.Context()))
		fmt.Fprint(w, "body")
		return err
	}
}

func TestStatements(t *testing.T) {
	for _, c := range statementCases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { c.run(t) })
		})
	}
}

func (c *statementCase) run(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	switch live := s.stored("name"); c.cookie {
	case "live":
		b = s.browser(live)
	case "unknown":
		b.cookies[hostCookie] = s.m.NewSession().ID().Reveal()
	case "malformed":
		b.cookies[hostCookie] = "nonsense"
	}
	s.store.Advance(c.idle)
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		if err := c.handler(w, r); err != nil {
			t.Errorf("handler: %v", err)
		}
	})
	synctest.Wait()
	wantStatus(t, w, http.StatusOK)
	wantEvents(t, s.store, c.want...)
	// What costs no write leaves no cookie and no row either.
	cookie := w.Header().Get("Set-Cookie") != ""
	if !slices.Contains(c.want, "create") && c.cookie != "live" && (s.store.Len() != 1 || cookie) {
		t.Errorf("%d rows, cookie %v", s.store.Len(), cookie)
	}
}

func TestRequestsThatCostNothing(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.Enabled = func(r *http.Request) bool { return r.URL.Path != "/static" } })
	live := s.stored("name")

	t.Run("disabled for the request", func(t *testing.T) {
		r := httptest.NewRequest(http.MethodGet, "/static", nil)
		r.AddCookie(&http.Cookie{Name: hostCookie, Value: live.ID().Reveal()})
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, ok := session.Lookup(r.Context()); ok {
				t.Error("there is a session")
			}
		})).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusOK)
		wantEvents(t, s.store)
	})
}

// A crawler that comes without a cookie, again and again, leaves no row.
func TestVisitorsWithoutCookieLeaveNoRows(t *testing.T) {
	s := newSite(t)
	for range 100 {
		wantNoCookie(t, s.browser().use(reading))
	}
	wantEvents(t, s.store)
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d rows", n)
	}
}

// Work of the length of a whole session, with a visit a minute, writes once in a step.
func TestTouchesAreRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("name"))
		for range 60 {
			time.Sleep(time.Minute)
			b.use(reading)
			synctest.Wait()
		}
		touches := 0
		for _, event := range s.store.taken() {
			if event == "touch" {
				touches++
			}
		}
		if touches != 10 {
			t.Errorf("%d touches in an hour of a visit a minute, want 10", touches)
		}
		wantKeys(t, b.keys(), "name")
	})
}
