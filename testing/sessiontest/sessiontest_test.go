package sessiontest_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/testing/sessiontest"
)

func get() *http.Request { return httptest.NewRequest(http.MethodGet, "/", nil) }

func newManager(t *testing.T, config session.Config) (*session.Manager, *memstore.Store) {
	t.Helper()
	store := memstore.New()
	m, err := session.New(store, config)
	if err != nil {
		t.Fatal(err)
	}
	return m, store
}

// configurations are managers that carry their tokens differently.
var configurations = map[string]session.Config{
	"zero":        {},
	"cookie name": {Cookie: session.Cookie{Name: "sid", InsecureHTTP: true}},
	"header":      {Header: "x-session"},
	"path":        {Cookie: session.Cookie{Path: "/app", NonPersistent: true}},
}

func TestClientKeepsTheToken(t *testing.T) {
	for name, config := range configurations {
		t.Run(name, func(t *testing.T) {
			m, store := newManager(t, config)
			stranger := sessiontest.NewWith(t, m, nil)
			known := sessiontest.NewWith(t, m, map[string]any{"visits": 5})
			for _, c := range []*sessiontest.Client{stranger, known, stranger, known} {
				c.Serve(http.HandlerFunc(visit), get())
			}
			if n := sessiontest.Get[int](stranger, "visits"); n != 2 {
				t.Errorf("stranger: %d visits, want 2", n)
			}
			if n := sessiontest.Get[int](known, "visits"); n != 7 {
				t.Errorf("known: %d visits, want 7", n)
			}
			if store.Len() != 2 {
				t.Errorf("%d rows, want one for each client", store.Len())
			}
		})
	}
}

// A handler's own cookies, and that it takes one of them back, say nothing of the session.
func TestClientLooksAtItsCookieAlone(t *testing.T) {
	c := sessiontest.New(t, nil)
	c.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visit(w, r)
		http.SetCookie(w, &http.Cookie{Name: "flash", MaxAge: -1})
	}), get())
	if n := sessiontest.Get[int](c, "visits"); n != 1 {
		t.Errorf("%d visits, want 1", n)
	}
}

func TestClientFollowsRotationAndEnd(t *testing.T) {
	for name, config := range configurations {
		t.Run(name, func(t *testing.T) {
			m, _ := newManager(t, config)
			c := sessiontest.NewWith(t, m, map[string]any{"user": "ann"})
			before := c.Session()
			c.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if err := session.FromContext(r.Context()).Generate(); err != nil {
					t.Error(err)
				}
			}), get())
			after := c.Session()
			if before.ID().Equal(after.ID()) || before.Handle() != after.Handle() {
				t.Error("the client did not take the new token of the same row")
			}
			c.Serve(http.HandlerFunc(logout), get())
			if _, err := c.Lookup(); !errors.Is(err, session.ErrGone) {
				t.Errorf("Lookup after the end: %v, want ErrGone", err)
			}
			if r := c.Add(get()); len(r.Header) != 0 {
				t.Errorf("the client still sends %d header lines", len(r.Header))
			}
		})
	}
}

func TestApplicationWithItsOwnMiddleware(t *testing.T) {
	m, _ := newManager(t, session.Config{})
	application := m.Handler(http.HandlerFunc(visit))
	c := sessiontest.NewWith(t, m, map[string]any{"visits": 1})
	if w := c.Serve(application, get()); w.Body.String() != "visit 2" {
		t.Errorf("answer %q", w.Body)
	}
	if v := c.Session().Version(); v != 2 {
		t.Errorf("version %d, want 2: created, and saved once", v)
	}
}

func TestSessionWithoutEntries(t *testing.T) {
	c := sessiontest.New(t, map[string]any{})
	if s := c.Session(); s.Len() != 0 || s.IsNew() {
		t.Errorf("%d entries, new %v", s.Len(), s.IsNew())
	}
	if c.Manager() == nil {
		t.Error("no manager")
	}
}

func TestRecorderIsNoHijacker(t *testing.T) {
	sessiontest.New(t, nil).Serve(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, ok := w.(http.Hijacker); ok {
			t.Error("the response can be hijacked")
		}
		if _, ok := w.(http.Flusher); !ok {
			t.Error("the response cannot be flushed")
		}
	}), get())
}

// stopped is what a fake test panics with.
type stopped string

// fakeTB stops where a test would.
type fakeTB struct{}

func (fakeTB) Helper()                           {}
func (fakeTB) Fatalf(format string, args ...any) { panic(stopped(fmt.Sprintf(format, args...))) }

func TestWhatIsWrongEndsTheTest(t *testing.T) {
	enabled := session.Config{Enabled: func(r *http.Request) bool { return r.URL.Path != "/" }}
	cases := []struct {
		name, want string
		run        func(t *testing.T)
	}{
		{"no session", "no session", func(*testing.T) { sessiontest.New(fakeTB{}, nil).Session() }},
		{"no entry", `no entry "b", only ["a"]`, func(*testing.T) {
			sessiontest.Get[int](sessiontest.New(fakeTB{}, map[string]any{"a": 1}), "b")
		}},
		{"other type", `entry "a" is not a string`, func(*testing.T) {
			sessiontest.Get[string](sessiontest.New(fakeTB{}, map[string]any{"a": 1}), "a")
		}},
		{"no JSON", `value cannot be stored: key "a"`, func(*testing.T) {
			sessiontest.New(fakeTB{}, map[string]any{"a": make(chan int)})
		}},
		{"disabled", "disabled", func(t *testing.T) {
			m, _ := newManager(t, enabled)
			sessiontest.NewWith(fakeTB{}, m, map[string]any{})
		}},
		{"too large", "status 413", func(t *testing.T) {
			m, _ := newManager(t, session.Config{MaxBytes: 8})
			sessiontest.NewWith(fakeTB{}, m, map[string]any{"a": 1, "b": 2})
		}},
		{"no room for a login", "log in: the manager answers with status 4", func(t *testing.T) {
			m, _ := newManager(t, session.Config{Owner: session.OwnerLimit{Max: 1}})
			sessiontest.NewWith(t, m, map[string]any{}).LogIn("ann")
			sessiontest.NewWith(fakeTB{}, m, nil).LogIn("ann")
		}},
		{"expired", "no session", func(t *testing.T) {
			m, store := newManager(t, session.Config{})
			c := sessiontest.NewWith(fakeTB{}, m, map[string]any{})
			store.Advance(2 * time.Hour)
			c.Session()
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			defer func() {
				text, _ := recover().(stopped)
				if !strings.Contains(string(text), c.want) {
					t.Errorf("ended with %q, want %q", text, c.want)
				}
			}()
			c.run(t)
		})
	}
}

// One request may be sent several times, and keeps what else it has.
func TestOneRequestSentTwice(t *testing.T) {
	m, _ := newManager(t, session.Config{})
	c := sessiontest.NewWith(t, m, map[string]any{"visits": 5})
	r := get()
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	for range 2 {
		w := c.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if theme, err := r.Cookie("theme"); err != nil || theme.Value != "dark" || len(r.Cookies()) != 2 {
				t.Errorf("cookies %v, %v", r.Cookies(), err)
			}
			visit(w, r)
		}), r)
		if w.Code != http.StatusOK {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if n := sessiontest.Get[int](c, "visits"); n != 7 {
		t.Errorf("%d visits, want 7", n)
	}
}
