package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// everything is each method that a goroutine of a connection may call.
var everything = map[string]func(*session.Session, int) error{
	"Set": func(s *session.Session, i int) error { return s.Set(fmt.Sprint("k", i%7), i) },
	"Get": func(s *session.Session, i int) error {
		_, err := session.Get[int](s, fmt.Sprint("k", i%7))
		return err
	},
	"Delete": func(s *session.Session, i int) error { return s.Delete(fmt.Sprint("k", i%5)) },
	"Clear":  func(s *session.Session, _ int) error { return s.Clear() },
	"Pop": func(s *session.Session, i int) error {
		_, err := session.Pop[int](s, fmt.Sprint("k", i%3))
		return err
	},
	"Save":       func(s *session.Session, _ int) error { return s.Save(background) },
	"Load":       func(s *session.Session, _ int) error { return s.Load(background) },
	"Update":     func(s *session.Session, _ int) error { return s.Update(background) },
	"Modify":     func(s *session.Session, _ int) error { return increment(s) },
	"Generate":   func(s *session.Session, _ int) error { return s.Generate() },
	"SetOwner":   func(s *session.Session, i int) error { return s.SetOwner(fmt.Sprint("o", i%3)) },
	"SetTimeout": func(s *session.Session, i int) error { return s.SetTimeout(time.Duration(i%9+1) * time.Minute) },
	"look": func(s *session.Session, i int) error {
		for range s.All() {
			break
		}
		_ = fmt.Sprint(s, s.ID(), s.Handle(), s.Keys(), s.Len(), s.Has("k1"), s.Changed(), s.IsNew(), s.Version(), s.Err(),
			s.Expiration(), s.Timeout(), s.AbsoluteTimeout(), s.Owner(), s.Store() != nil)
		if raw, ok := s.Raw("k1"); ok {
			clear(raw)
		}
		return nil
	},
}

// Many goroutines of one connection use one session in every way at once.
func TestOneSessionOfManyGoroutines(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	var work sync.WaitGroup
	for name, do := range everything {
		work.Go(func() {
			for i := range 200 {
				if err := do(of, i); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	work.Wait()
	s.ok(errors.Join(of.Set("last", 1), of.Save(t.Context())))
	again := s.open(of)
	if again.Version() < 200 || fmt.Sprint(again.Keys()) != fmt.Sprint(of.Keys()) {
		t.Errorf("version %d, stored %q, seen %q", again.Version(), again.Keys(), of.Keys())
	}
}

// Goroutines that set different keys and save lose none of them.
func TestNoKeyIsLostBetweenGoroutines(t *testing.T) {
	const goroutines, keys = 16, 20
	s := newSite(t)
	of := s.open(s.stored())
	var work sync.WaitGroup
	for g := range goroutines {
		work.Go(func() {
			for k := range keys {
				if err := errors.Join(of.Set(fmt.Sprint(g, "-", k), 1), of.Save(background)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	work.Wait()
	if n := s.open(of).Len(); n != goroutines*keys {
		t.Errorf("%d entries, want %d", n, goroutines*keys)
	}
}

// Parallel requests of one browser that set different keys lose none of them.
func TestNoKeyIsLostBetweenRequests(t *testing.T) {
	const requests = 64
	s := newSite(t)
	live := s.stored()
	var work sync.WaitGroup
	for i := range requests {
		work.Go(func() { s.browser(live).set(fmt.Sprint("k", i)) })
	}
	work.Wait()
	if n := s.open(live).Len(); n != requests {
		t.Errorf("%d entries, want %d", n, requests)
	}
}

// A logout beside many requests in flight is final, and each of these is either before it or hears of it.
func TestLogoutBesideManyRequests(t *testing.T) {
	s := newSite(t)
	live := s.stored("user")
	var work sync.WaitGroup
	for i := range 32 {
		work.Go(func() {
			w := s.browser(live).visit(func(_ http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				if of.IsNew() {
					return // after the logout
				}
				if i == 16 {
					s.ok(of.Destroy(r.Context()))
				} else if err := of.Set(fmt.Sprint("k", i), 1); err != nil {
					wantIs(t, "Set", err, session.ErrGone)
				}
			})
			if w.Code != http.StatusOK && w.Code != http.StatusConflict {
				t.Errorf("status %d", w.Code)
			}
		})
	}
	work.Wait()
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d rows after the logout", n)
	}
}

// Of parallel rotations exactly one wins; its cookie opens the session, and no other cookie was sent.
func TestOneRotationWins(t *testing.T) {
	s := newSite(t)
	live := s.stored("a")
	var work sync.WaitGroup
	var mu sync.Mutex
	var brought []string
	for range 16 {
		work.Go(func() {
			b := s.browser(live)
			before := b.token()
			b.visit(func(_ http.ResponseWriter, r *http.Request) { _ = session.FromContext(r.Context()).Generate() })
			mu.Lock()
			defer mu.Unlock()
			if b.token() != before {
				brought = append(brought, b.token())
			}
		})
	}
	work.Wait()
	if len(brought) != 1 {
		t.Fatalf("%d cookies, want one", len(brought))
	}
	wantOpens(t, s, brought[0], true)
	wantOpens(t, s, live.ID().Reveal(), false)
}
