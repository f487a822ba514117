package scs_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/adopt/scs"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

type cart struct {
	SKU string
	N   int
}

type unregistered struct{ A int }

func init() {
	gob.Register([]cart{})
	gob.Register(map[cart]string{})
}

// site is an application on scs's API.
type site struct {
	*scs.SessionManager
	t       *testing.T
	cookies map[string]string
}

func newSite(t *testing.T, change func(*scs.SessionManager)) *site {
	t.Helper()
	m := scs.New()
	if change != nil {
		change(m)
	}
	return &site{m, t, map[string]string{}}
}

// visit runs one request's handler and keeps the cookie that came.
func (s *site) visit(handler func(context.Context)) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range s.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	s.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { handler(r.Context()) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if s.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(s.cookies, c.Name)
		}
	}
	return w
}

// Values come back as they were put, from the store too, and the native API reads them as JSON.
func TestValues(t *testing.T) {
	s := newSite(t, nil)
	values := map[string]any{
		"int": 42, "int64": int64(1) << 60, "int32": int32(7), "float": 2.0, "bool": true, "string": "Änne", "bytes": []byte{0, 255},
		"time": time.Now().UTC().Round(0), "cart": []cart{{"a", 1}}, "odd": map[cart]string{{"a", 1}: "b"},
	}
	s.visit(func(ctx context.Context) {
		for key, value := range values {
			s.Put(ctx, key, value)
		}
	})
	s.visit(func(ctx context.Context) {
		for key, want := range values {
			if got := s.Get(ctx, key); !reflect.DeepEqual(got, want) {
				t.Errorf("%s is %#v, want %#v", key, got, want)
			}
		}
		if s.GetInt(ctx, "int") != 42 || s.GetInt64(ctx, "int64") != 1<<60 || s.GetInt32(ctx, "int32") != 7 || s.GetFloat(ctx, "float") != 2 ||
			!s.GetBool(ctx, "bool") || s.GetString(ctx, "string") != "Änne" || len(s.GetBytes(ctx, "bytes")) != 2 || s.GetTime(ctx, "time").IsZero() {
			t.Error("a typed Get does not")
		}
		if s.GetInt(ctx, "string") != 0 || s.GetString(ctx, "int") != "" || s.Get(ctx, "none") != nil || s.PopBytes(ctx, "none") != nil {
			t.Error("a Get of another type gives something")
		}
		keys := make([]string, 0, len(values))
		for key := range values {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		if got := s.Keys(ctx); !reflect.DeepEqual(got, keys) {
			t.Errorf("keys are %q", got)
		}
		if n, err := session.Get[int](session.FromContext(ctx), "int"); err != nil || n != 42 {
			t.Errorf("the native API reads %d, %v", n, err)
		}
		s.Put(ctx, "int64", "now a string")
		if s.GetString(ctx, "int64") != "now a string" {
			t.Error("an entry keeps the type of the value before it")
		}
		if s.PopString(ctx, "string") != "Änne" || s.PopInt(ctx, "int") != 42 || s.PopFloat(ctx, "float") != 2 || !s.PopBool(ctx, "bool") ||
			s.PopTime(ctx, "time").IsZero() || s.Exists(ctx, "time") {
			t.Error("a Pop does not")
		}
	})
}

func TestUnregistered(t *testing.T) {
	s := newSite(t, nil)
	for _, value := range []any{unregistered{1}, make(chan int)} {
		w := s.visit(func(ctx context.Context) { s.Put(ctx, "k", value) })
		if w.Code != http.StatusInternalServerError || len(s.cookies) != 0 {
			t.Errorf("%T: status %d, cookies %v", value, w.Code, s.cookies)
		}
	}
}

func TestDestroyThenPut(t *testing.T) {
	s := newSite(t, nil)
	s.visit(func(ctx context.Context) { s.Put(ctx, "a", 1) })
	before := s.cookies["session"]
	s.visit(func(ctx context.Context) {
		if err := s.Destroy(ctx); err != nil {
			t.Error(err)
		}
		if s.Status(ctx) != scs.Destroyed || s.Exists(ctx, "a") || s.Token(ctx) != "" {
			t.Errorf("status %d, token %q", s.Status(ctx), s.Token(ctx))
		}
		s.Put(ctx, "flash", "bye")
		if s.Status(ctx) != scs.Modified {
			t.Errorf("status %d after a Put", s.Status(ctx))
		}
	})
	if s.cookies["session"] == before || before == "" {
		t.Errorf("cookies %v", s.cookies)
	}
	s.visit(func(ctx context.Context) {
		if s.PopString(ctx, "flash") != "bye" || s.Exists(ctx, "a") {
			t.Error("the new session is not")
		}
		_ = s.Destroy(ctx)
	})
	if len(s.cookies) != 0 {
		t.Errorf("cookies %v", s.cookies)
	}
}

// What removes something after a logout finds nothing, and the response stays that of the logout. A deadline is for a
// new session, as in scs.
func TestDestroyThenRemove(t *testing.T) {
	for name, then := range map[string]func(*site, context.Context){
		"Pop":    func(s *site, ctx context.Context) { s.PopString(ctx, "a") },
		"Remove": func(s *site, ctx context.Context) { s.Remove(ctx, "a") },
		"Clear": func(s *site, ctx context.Context) {
			if err := s.Clear(ctx); err != nil {
				t.Error(err)
			}
		},
		"SetDeadline": func(s *site, ctx context.Context) { s.SetDeadline(ctx, time.Now().Add(time.Hour)) },
	} {
		s := newSite(t, nil)
		s.visit(func(ctx context.Context) { s.Put(ctx, "a", 1) })
		before := s.cookies["session"]
		w := s.visit(func(ctx context.Context) {
			if err := s.Destroy(ctx); err != nil {
				t.Error(err)
			}
			then(s, ctx)
		})
		if w.Code != http.StatusOK || s.cookies["session"] == before || (len(s.cookies) == 0) != (name != "SetDeadline") {
			t.Errorf("%s: status %d, cookies %v", name, w.Code, s.cookies)
		}
		s.visit(func(ctx context.Context) {
			if left := time.Until(s.Deadline(ctx)); s.Exists(ctx, "a") || (left > time.Hour) != (name != "SetDeadline") {
				t.Errorf("%s: afterwards %q, which ends in %v", name, s.Keys(ctx), left)
			}
		})
	}
}

// What is merged has the type that it had, whatever stood in its place.
func TestMergeTypes(t *testing.T) {
	s := newSite(t, nil)
	s.visit(func(ctx context.Context) { s.Put(ctx, "n", "text"); s.Put(ctx, "id", int64(7)) })
	other := s.cookies["session"]
	delete(s.cookies, "session")
	s.visit(func(ctx context.Context) { s.Put(ctx, "n", int64(1)); s.Put(ctx, "id", "seven") })
	s.visit(func(ctx context.Context) {
		if err := s.MergeSession(ctx, other); err != nil {
			t.Error(err)
		}
	})
	s.visit(func(ctx context.Context) {
		if s.GetString(ctx, "n") != "text" || s.GetInt64(ctx, "id") != 7 {
			t.Errorf("n is %#v, id %#v", s.Get(ctx, "n"), s.Get(ctx, "id"))
		}
	})
}

// Load and Commit work without the middleware.
func TestByHand(t *testing.T) {
	s := newSite(t, nil)
	ctx, err := s.Load(t.Context(), "unknown")
	if err != nil {
		t.Fatal(err)
	}
	token, expiry, err := s.Commit(ctx)
	if err != nil || token == "" || time.Until(expiry) > 24*time.Hour || time.Until(expiry) < 23*time.Hour {
		t.Fatalf("token of %d bytes, expires %v, %v", len(token), expiry, err)
	}
	s.Put(ctx, "a", 1)
	again, _, err := s.Commit(ctx)
	if err != nil || again != token || s.Token(ctx) != token {
		t.Errorf("another token, %v", err)
	}
	if err := s.RenewToken(ctx); err != nil {
		t.Fatal(err)
	}
	renewed, expiry, err := s.Commit(ctx)
	if err != nil || renewed == token {
		t.Errorf("the same token, %v", err)
	}
	other, err := s.Load(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	s.Put(other, "b", 2)
	if err := s.MergeSession(other, renewed); err != nil || s.GetInt(other, "a") != 1 || s.GetInt(other, "b") != 2 {
		t.Errorf("merged: %v, %q", err, s.Keys(other))
	}
	if err := s.MergeSession(other, renewed); err != nil {
		t.Errorf("what is gone: %v", err)
	}
	w := httptest.NewRecorder()
	s.WriteSessionCookie(other, w, renewed, expiry)
	s.WriteSessionCookie(other, w, "", time.Time{})
	if got := w.Result().Cookies(); len(got) != 2 || got[0].MaxAge < 80_000 || got[1].MaxAge != -1 {
		t.Errorf("cookies %v", got)
	}
}

func TestDeadline(t *testing.T) {
	s := newSite(t, nil)
	want := time.Now().Add(48 * time.Hour)
	s.visit(func(ctx context.Context) {
		if left := time.Until(s.Deadline(ctx)); left > 24*time.Hour || left < 23*time.Hour {
			t.Errorf("a new one ends in %v", left)
		}
		s.SetDeadline(ctx, want)
		s.Put(ctx, "a", 1)
	})
	s.visit(func(ctx context.Context) {
		if d := s.Deadline(ctx).Sub(want).Abs(); d > time.Second {
			t.Errorf("off by %v", d)
		}
		if d := session.FromContext(ctx).Expiration().Sub(want).Abs(); d > time.Second {
			t.Errorf("the expiration is off by %v", d)
		}
	})
}

func TestIterate(t *testing.T) {
	store := memstore.New()
	with := func(m *scs.SessionManager) { m.Store = store }
	one, two := newSite(t, with), newSite(t, with)
	one.visit(func(ctx context.Context) { one.Put(ctx, "n", int64(1)) })
	two.visit(func(ctx context.Context) { two.Put(ctx, "n", int64(2)) })
	var sum int64
	err := one.Iterate(t.Context(), func(ctx context.Context) error {
		n := one.GetInt64(ctx, "n")
		sum += n
		if n == 2 {
			return one.Destroy(ctx)
		}
		return nil
	})
	if err != nil || sum != 3 || store.Len() != 1 {
		t.Errorf("sum %d, %v, %d rows", sum, err, store.Len())
	}
	err = one.Iterate(t.Context(), func(ctx context.Context) error { one.Put(ctx, "n", 3); return nil })
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a Put: %v", err)
	}
}

func TestConfiguration(t *testing.T) {
	for name, change := range map[string]func(*scs.SessionManager){
		"readable by scripts": func(m *scs.SessionManager) { m.Cookie.HttpOnly = false },
		"a cookie's name":     func(m *scs.SessionManager) { m.Cookie.Name = "a b" },
		"no store":            func(m *scs.SessionManager) { m.Store = nil },
		"sealing": func(m *scs.SessionManager) {
			m.Configure = func(c *session.Config) {
				c.Sealing = session.Sealing{All: true, Keys: []session.SealingKey{{ID: "one", Secret: make([]byte, 32)}}}
			}
		},
		"sealing of one entry": func(m *scs.SessionManager) {
			m.Configure = func(c *session.Config) {
				c.Sealing = session.Sealing{Entries: []string{"t"}, Keys: []session.SealingKey{{ID: "one", Secret: make([]byte, 32)}}}
			}
		},
	} {
		m := scs.New()
		change(m)
		if _, err := m.Manager(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	s := newSite(t, func(m *scs.SessionManager) {
		m.IdleTimeout, m.Lifetime, m.Cookie.Persist = 90*time.Minute, 2*time.Hour, false
		m.Cookie.Secure, m.Cookie.Name = true, "__Host-id"
	})
	w := s.visit(func(ctx context.Context) {
		one := session.FromContext(ctx)
		if one.Timeout() != 90*time.Minute || one.AbsoluteTimeout() != 2*time.Hour {
			t.Errorf("timeouts %v and %v", one.Timeout(), one.AbsoluteTimeout())
		}
		s.Put(ctx, "a", 1)
	})
	if c := w.Header().Get("Set-Cookie"); !strings.HasPrefix(c, "__Host-id=") || !strings.Contains(c, "Secure") || strings.Contains(c, "Max-Age") {
		t.Errorf("cookie %s", c)
	}
	w = s.visit(func(ctx context.Context) { s.RememberMe(ctx, true) })
	if c := w.Header().Get("Set-Cookie"); !strings.Contains(c, "Max-Age") {
		t.Errorf("remembered: %s", c)
	}
}

func TestWithoutMiddleware(t *testing.T) {
	defer func() {
		if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "no session data in context") {
			t.Errorf("panic %v", p)
		}
	}()
	scs.New().Put(t.Context(), "a", 1)
}

// importer is a session of another system with the values that gob brings.
type importer struct{}

func (importer) Find(r *http.Request) string {
	if c, err := r.Cookie("old"); err == nil {
		return c.Value
	}
	return ""
}

func (importer) Load(context.Context, string) (*session.Imported, error) {
	return &session.Imported{
		Entries:  map[string]any{"n": int64(1), "odd": map[cart]string{{"a", 1}: "b"}},
		Deadline: time.Now().Add(10 * time.Minute),
	}, nil
}

func (importer) End(context.Context, string) error { return nil }

// What is imported keeps its types.
func TestImport(t *testing.T) {
	s := newSite(t, func(m *scs.SessionManager) {
		m.Configure = func(c *session.Config) { c.Import.From = importer{} }
	})
	s.cookies["old"] = "x"
	s.visit(func(ctx context.Context) {
		odd, _ := s.Get(ctx, "odd").(map[cart]string)
		if s.GetInt64(ctx, "n") != 1 || odd[cart{"a", 1}] != "b" {
			t.Errorf("n is %#v, odd %#v", s.Get(ctx, "n"), s.Get(ctx, "odd"))
		}
		if left := time.Until(s.Deadline(ctx)); left > 10*time.Minute || left < 9*time.Minute {
			t.Errorf("it ends in %v", left)
		}
		if err := s.RenewToken(ctx); err != nil {
			t.Error(err)
		}
	})
	s.visit(func(ctx context.Context) {
		if left := time.Until(s.Deadline(ctx)); s.GetInt64(ctx, "n") != 1 || left < 23*time.Hour {
			t.Errorf("after a login it ends in %v", left)
		}
	})
}
