package session_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// discarding is a response that costs nothing by itself.
type discarding struct{ header http.Header }

func (w *discarding) Header() http.Header         { return w.header }
func (w *discarding) Write(p []byte) (int, error) { return len(p), nil }
func (w *discarding) WriteHeader(int)             {}

// benchmarkMiddleware serves requests with a session of the given number of entries, on a memory store.
func benchmarkMiddleware(b *testing.B, entries int, do func(*session.Session) error) {
	m, err := session.New(memstore.New(), session.Config{Logger: discard()})
	if err != nil {
		b.Fatal(err)
	}
	s := m.NewSession()
	for i := range entries {
		if err := s.Set(fmt.Sprintf("key-%d", i), "a value of some length"); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Set("n", 1); err != nil {
		b.Fatal(err)
	}
	if err := s.Save(b.Context()); err != nil {
		b.Fatal(err)
	}
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := do(session.FromContext(r.Context())); err != nil {
			b.Error(err)
		}
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: hostCookie, Value: s.ID().Reveal()})
	w := &discarding{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for _, entries := range []int{0, 10, 400} {
		b.Run(fmt.Sprintf("untouched/entries=%d", entries), func(b *testing.B) {
			benchmarkMiddleware(b, entries, func(*session.Session) error { return nil })
		})
		b.Run(fmt.Sprintf("read/entries=%d", entries), func(b *testing.B) {
			benchmarkMiddleware(b, entries, func(s *session.Session) error {
				_, err := session.Get[int](s, "n")
				return err
			})
		})
		b.Run(fmt.Sprintf("write/entries=%d", entries), func(b *testing.B) {
			benchmarkMiddleware(b, entries, func(s *session.Session) error { return s.Set("n", 2) })
		})
	}
}

// A request with a fresh proof of its device, beside one of a session that is not bound.
func BenchmarkDeviceBound(b *testing.B) {
	s := deviceSite(b)
	unbound := newDevice(s)
	unbound.logIn()
	b.Run("unbound", func(b *testing.B) { benchmarkDevice(b, unbound) })
	b.Run("bound", func(b *testing.B) { benchmarkDevice(b, bound(b, s)) })
}

// benchmarkDevice serves requests of a browser that has logged in, without the spy of its site.
func benchmarkDevice(b *testing.B, d *device) {
	config := session.Config{Logger: discard(), CollectInterval: -1, DeviceBound: session.DeviceBound{Path: "/device"}}
	m := newManager(b, d.store.Store, config)
	h := m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if owner := session.FromContext(r.Context()).Owner(); owner != "ann" {
			b.Errorf("the session of %q", owner)
		}
	}))
	r := d.request()
	w := &discarding{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		h.ServeHTTP(w, r)
	}
}

// A visitor without a cookie, whose session nobody uses.
func BenchmarkVisitor(b *testing.B) {
	m, err := session.New(memstore.New(), session.Config{Logger: discard()})
	if err != nil {
		b.Fatal(err)
	}
	h := m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	w := &discarding{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(w, r)
	}
}

func BenchmarkGet(b *testing.B) {
	s := newSite(b).m.NewSession()
	type user struct {
		Name string
		Age  int
	}
	for key, value := range map[string]any{"int": 42, "string": "a name", "struct": user{"Ann", 30}} {
		if err := s.Set(key, value); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Save(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("int", func(b *testing.B) { benchmarkGet[int](b, s, "int") })
	b.Run("string", func(b *testing.B) { benchmarkGet[string](b, s, "string") })
	b.Run("struct", func(b *testing.B) { benchmarkGet[user](b, s, "struct") })
	b.Run("absent", func(b *testing.B) { benchmarkGet[int](b, s, "absent") })
}

func benchmarkGet[T any](b *testing.B, s *session.Session, key string) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Get[T](s, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSet(b *testing.B) {
	for name, value := range map[string]any{
		"int": 42, "string": "a name", "strings": []string{"a", "b", "c"}, "map": map[string]any{"b": 1.5, "a": nil},
	} {
		b.Run(name, func(b *testing.B) {
			s := newSite(b).m.NewSession()
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Set("key", value); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
