package gorilla_test

import (
	"context"
	"encoding/gob"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"
	"github.com/simples-go/sessions/adopt/gorilla"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

type cart struct {
	SKU string
	N   int
}

func init() {
	gob.Register(cart{})
	gob.Register([]any{})
}

// site is an application on gorilla's interface.
type site struct {
	*gorilla.Store
	t       *testing.T
	rows    *memstore.Store
	cookies map[string]string
	handler func(http.Handler) http.Handler
}

func newSite(t *testing.T, config session.Config) *site {
	t.Helper()
	rows := memstore.New()
	store, err := gorilla.New(rows, config)
	if err != nil {
		t.Fatal(err)
	}
	return &site{store, t, rows, map[string]string{}, func(next http.Handler) http.Handler { return next }}
}

// visit runs one request's handler and keeps the cookies that came.
func (s *site) visit(handler func(w http.ResponseWriter, r *http.Request)) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range s.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	s.handler(http.HandlerFunc(handler)).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if s.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(s.cookies, c.Name)
		}
	}
	return w
}

// get returns the request's session, which has to be there.
func (s *site) get(r *http.Request, name string) *sessions.Session {
	s.t.Helper()
	one, err := s.Get(r, name)
	if err != nil {
		s.t.Fatal(err)
	}
	return one
}

func (s *site) save(one *sessions.Session, r *http.Request, w http.ResponseWriter) {
	s.t.Helper()
	if err := one.Save(r, w); err != nil {
		s.t.Error(err)
	}
}

// put saves values in a request of its own.
func (s *site) put(values map[any]any) {
	s.t.Helper()
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		for key, value := range values {
			one.Values[key] = value
		}
		s.save(one, r, w)
	})
}

// values returns what the next request finds.
func (s *site) values() (found map[any]any) {
	s.t.Helper()
	s.visit(func(_ http.ResponseWriter, r *http.Request) { found = s.get(r, "shop").Values })
	return found
}

func TestValues(t *testing.T) {
	s := newSite(t, session.Config{})
	want := map[any]any{
		"int": 42, "int64": int64(1) << 60, "float": 2.0, "string": "Änne", "bytes": []byte{0, 255}, "cart": cart{"a", 1},
		"list": []any{"a", cart{"b", 2}},
	}
	s.put(want)
	if got := s.values(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v, want %#v", got, want)
	}
	s.put(map[any]any{"int": "now a string"})
	if got := s.values()["int"]; got != "now a string" {
		t.Errorf("got %#v", got)
	}
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		delete(one.Values, "int")
		s.save(one, r, w)
	})
	if _, there := s.values()["int"]; there {
		t.Error("a deleted entry is there")
	}
}

// A visit that sets nothing leaves no row and no cookie, although it is saved.
func TestNothing(t *testing.T) {
	s := newSite(t, session.Config{})
	s.put(nil)
	if s.rows.Len() != 0 || len(s.cookies) != 0 {
		t.Errorf("%d rows, cookies %v", s.rows.Len(), s.cookies)
	}
	s.cookies["shop"] = "forged"
	s.visit(func(_ http.ResponseWriter, r *http.Request) {
		if one := s.get(r, "shop"); !one.IsNew || s.get(r, "shop") != one {
			t.Error("a forged cookie opens something, or two Gets differ")
		}
	})
}

// Two requests that overlap keep each other's entries.
func TestParallel(t *testing.T) {
	s := newSite(t, session.Config{})
	s.put(map[any]any{"a": 0, "b": 0})
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		one.Values["a"] = 1
		s.put(map[any]any{"b": 1})
		s.save(one, r, w)
	})
	if got := s.values(); got["a"] != 1 || got["b"] != 1 {
		t.Errorf("got %v", got)
	}
}

func TestFlashes(t *testing.T) {
	s := newSite(t, session.Config{})
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		one.AddFlash("saved")
		one.AddFlash(cart{"a", 1}, "carts")
		s.save(one, r, w)
	})
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		if got := one.Flashes(); len(got) != 1 || got[0] != "saved" {
			t.Errorf("flashes %v", got)
		}
		if got := one.Flashes("carts"); len(got) != 1 || got[0] != (cart{"a", 1}) {
			t.Errorf("flashes %v", got)
		}
		s.save(one, r, w)
	})
	if got := s.values(); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
}

func TestEnd(t *testing.T) {
	s := newSite(t, session.Config{})
	s.put(map[any]any{"a": 1})
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		late := s.get(r, "shop")
		s.visit(func(w http.ResponseWriter, r *http.Request) {
			one := s.get(r, "shop")
			one.Options.MaxAge = -1
			s.save(one, r, w)
		})
		late.Values["a"] = 2
		if err := late.Save(r, w); !errors.Is(err, session.ErrGone) {
			t.Errorf("a late save: %v, want %v", err, session.ErrGone)
		}
	})
	if len(s.cookies) != 0 || s.rows.Len() != 0 {
		t.Errorf("cookies %v, %d rows", s.cookies, s.rows.Len())
	}
}

// An empty ID asks for a new token, and the old one is dead.
func TestRenew(t *testing.T) {
	s := newSite(t, session.Config{RotationGrace: -1})
	s.put(map[any]any{"a": 1})
	before := s.cookies["shop"]
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		one := s.get(r, "shop")
		one.ID = ""
		s.save(one, r, w)
		if one.ID == "" || one.ID == before {
			t.Errorf("the ID is %q", one.ID)
		}
		one.Values["b"] = 2 // a second save in one request
		s.save(one, r, w)
	})
	if got := s.values(); got["a"] != 1 || got["b"] != 2 {
		t.Errorf("got %v", got)
	}
	s.cookies["shop"] = before
	if got := s.values(); len(got) != 0 {
		t.Errorf("the old cookie opens %v", got)
	}
}

func TestMaxAge(t *testing.T) {
	for seconds, want := range map[int]string{60: "; Max-Age=60", 0: "", 24 * 60 * 60: "; Max-Age=86400"} {
		s := newSite(t, session.Config{})
		w := s.visit(func(w http.ResponseWriter, r *http.Request) {
			one := s.get(r, "shop")
			one.Options.MaxAge = seconds
			one.Values["a"] = 1
			s.save(one, r, w)
		})
		line := w.Header().Get("Set-Cookie")
		if !strings.Contains(line, want) || want == "" && strings.Contains(line, "Max-Age") || !strings.Contains(line, "HttpOnly; Secure") {
			t.Errorf("%d: %s", seconds, line)
		}
		s.rows.Advance(61 * time.Second)
		if got := s.values(); (len(got) == 0) != (seconds == 60) {
			t.Errorf("%d: after 61 s %v", seconds, got)
		}
	}
}

// MaxAge leaves the configuration's idle timeout as it is, if it has one.
func TestMaxAgeAndIdleTimeout(t *testing.T) {
	const eight = 8 * time.Hour
	for name, c := range map[string]struct {
		config session.Config
		idle   time.Duration
	}{
		"an idle timeout":           {session.Config{IdleTimeout: 20 * time.Minute, AbsoluteTimeout: 24 * time.Hour}, 20 * time.Minute},
		"none":                      {session.Config{IdleTimeout: 24 * time.Hour, AbsoluteTimeout: 24 * time.Hour}, eight},
		"one that is longer":        {session.Config{IdleTimeout: 12 * time.Hour, AbsoluteTimeout: 24 * time.Hour}, eight},
		"none, and a shorter life":  {session.Config{IdleTimeout: time.Hour, AbsoluteTimeout: time.Hour}, eight},
		"one, and a shorter life":   {session.Config{IdleTimeout: 20 * time.Minute, AbsoluteTimeout: time.Hour}, 20 * time.Minute},
		"the default configuration": {session.Config{}, time.Hour},
	} {
		s := newSite(t, c.config)
		for _, seconds := range []int{60, int(eight / time.Second)} { // the second save counts
			s.visit(func(w http.ResponseWriter, r *http.Request) {
				one := s.get(r, "shop")
				one.Options.MaxAge = seconds
				one.Values["a"] = seconds
				s.save(one, r, w)
			})
		}
		m, err := s.Manager("shop")
		if err != nil {
			t.Fatal(err)
		}
		one, err := m.Open(t.Context(), s.cookies["shop"])
		if err != nil || one.Timeout() != c.idle || one.AbsoluteTimeout() != eight {
			t.Errorf("%s: %v and %v, %v, want %v and %v", name, one.Timeout(), one.AbsoluteTimeout(), err, c.idle, eight)
		}
	}
}

func TestNames(t *testing.T) {
	s := newSite(t, session.Config{})
	s.visit(func(w http.ResponseWriter, r *http.Request) {
		for _, name := range []string{"one", "two"} {
			s.get(r, name).Values["name"] = name
		}
		if err := sessions.Save(r, w); err != nil {
			t.Error(err)
		}
	})
	s.visit(func(_ http.ResponseWriter, r *http.Request) {
		if a, b := s.get(r, "one"), s.get(r, "two"); a.Values["name"] != "one" || b.Values["name"] != "two" {
			t.Errorf("got %v and %v", a.Values, b.Values)
		}
	})
	s.cookies["one"], s.cookies["two"] = s.cookies["two"], s.cookies["one"]
	s.visit(func(_ http.ResponseWriter, r *http.Request) {
		if !s.get(r, "one").IsNew || !s.get(r, "two").IsNew {
			t.Error("the token of one name opens a session of another")
		}
	})
}

func TestRefused(t *testing.T) {
	s := newSite(t, session.Config{})
	for key, value := range map[any]any{7: "a key that is no string", "chan": make(chan int)} {
		s.visit(func(w http.ResponseWriter, r *http.Request) {
			one := s.get(r, "shop")
			one.Values[key] = value
			if err := one.Save(r, w); err == nil {
				t.Errorf("%v is saved", key)
			}
		})
	}
	if one, err := s.New(httptest.NewRequest(http.MethodGet, "/", nil), "a b"); err == nil || one == nil {
		t.Errorf("a bad name: %v, %v", one, err)
	}
	if _, err := gorilla.New(memstore.New(), session.Config{Realm: "x"}); err == nil {
		t.Error("a realm is taken")
	}
	for _, sealing := range []session.Sealing{{All: true}, {Entries: []string{"token"}}} {
		sealing.Keys = []session.SealingKey{{ID: "one", Secret: make([]byte, 32)}}
		if _, err := gorilla.New(memstore.New(), session.Config{Sealing: sealing}); err == nil || !strings.Contains(err.Error(), "Sealing") {
			t.Errorf("sealing: %v", err)
		}
	}
}

// importer has one session, of the cookie "old".
type importer struct{ live *bool }

func (importer) Find(r *http.Request) string {
	if c, err := r.Cookie("old"); err == nil {
		return c.Value
	}
	return ""
}

func (i importer) Load(context.Context, string) (*session.Imported, error) {
	if !*i.live {
		return nil, session.ErrGone
	}
	return &session.Imported{Entries: map[string]any{"user": 42}, Deadline: time.Now().Add(10 * time.Minute)}, nil
}

func (i importer) End(context.Context, string) error { *i.live = false; return nil }

// Beneath the middleware a session is taken over although nothing is saved, and a save goes out with the response.
func TestMiddleware(t *testing.T) {
	live := true
	s := newSite(t, session.Config{Import: session.Import{From: importer{&live}}})
	s.handler = func(next http.Handler) http.Handler {
		h, err := s.Handler("shop", next)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	s.cookies["old"] = "x"
	if got := s.values(); got["user"] != 42 || live || s.cookies["shop"] == "" {
		t.Errorf("got %v, cookies %v", got, s.cookies)
	}
	s.put(map[any]any{"n": 1})
	if got := s.values(); got["user"] != 42 || got["n"] != 1 {
		t.Errorf("got %v", got)
	}
	s.visit(func(w http.ResponseWriter, r *http.Request) { // a login, which begins a life of its own
		one := s.get(r, "shop")
		one.ID = ""
		s.save(one, r, w)
	})
	s.rows.Advance(30 * time.Minute)
	if got := s.values(); got["user"] != 42 {
		t.Errorf("half an hour after a login: %v", got)
	}
}

// A logout beneath the middleware is no error, the first one and the next.
func TestEndBeneathMiddleware(t *testing.T) {
	s := newSite(t, session.Config{})
	s.handler = func(next http.Handler) http.Handler {
		h, err := s.Handler("shop", next)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	s.put(map[any]any{"n": 1})
	for range 2 {
		w := s.visit(func(w http.ResponseWriter, r *http.Request) {
			one := s.get(r, "shop")
			one.Options.MaxAge = -1
			s.save(one, r, w)
			s.save(one, r, w)
		})
		if w.Code != http.StatusOK || len(s.cookies) != 0 || s.rows.Len() != 0 {
			t.Errorf("status %d, cookies %v, %d rows", w.Code, s.cookies, s.rows.Len())
		}
	}
}
