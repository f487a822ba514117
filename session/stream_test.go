package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// late visits with a handler that writes its first byte and then does something to the session.
func (b *browser) late(fn func(*session.Session)) {
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		fmt.Fprint(w, "first byte")
		fn(s)
		fmt.Fprint(w, "last byte")
	})
}

// A change after the first byte is saved at the handler's return.
func TestLateChangesAreSaved(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a", "b"))
	b.late(func(of *session.Session) {
		s.ok(errors.Join(of.Set("c", 1), of.Delete("a"), of.SetTag("phone"), of.SetTimeout(time.Minute)))
	})
	wantEvents(t, s.store, "load", "save")
	b.use(func(of *session.Session) error {
		wantKeys(t, of.Keys(), "b", "c")
		if of.Tag() != "phone" || of.Timeout() != time.Minute {
			t.Errorf("tag %q, timeout %v", of.Tag(), of.Timeout())
		}
		return nil
	})
}

func TestLateDestroy(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	b.late(func(of *session.Session) {
		s.ok(of.Destroy(t.Context()))
		wantIs(t, "Generate", of.Generate(), session.ErrNoCookie)
	})
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d rows", n)
	}
	wantKeys(t, b.keys())
}

// What needs a cookie is refused after the first byte, and changes nothing.
func TestLateChangesThatNeedACookie(t *testing.T) {
	for _, c := range []struct {
		name   string
		stored bool
		late   func(*session.Session) error
	}{
		{"first Set", false, setting},
		{"first SetOwner", false, func(s *session.Session) error { return s.SetOwner("ann") }},
		{"first SetTimeout", false, func(s *session.Session) error { return s.SetTimeout(time.Minute) }},
		{"first Modify", false, increment},
		{"first Generate", false, (*session.Session).Generate},
		{"Generate", true, (*session.Session).Generate},
		{"Renew", true, (*session.Session).Renew},
		{"SetAbsoluteTimeout", true, func(s *session.Session) error { return s.SetAbsoluteTimeout(2 * time.Hour) }},
		{"SetPersistent", true, func(s *session.Session) error { return s.SetPersistent(false) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("a")
			b := s.browser()
			if c.stored {
				b = s.browser(live)
			}
			b.late(func(of *session.Session) {
				wantIs(t, c.name, c.late(of), session.ErrNoCookie)
				if of.Changed() {
					t.Error("something is pending")
				}
			})
			if n := s.store.Len(); n != 1 {
				t.Errorf("%d rows", n)
			}
			if same := s.open(live); same.Version() != 1 {
				t.Errorf("version %d", same.Version())
			}
			if told := strings.Contains(s.log.String(), session.ErrNoCookie.Error()); told == (c.name == "first Modify") {
				t.Errorf("the log tells of it: %v; Modify saves by itself, so that its error is not lost", told)
			}
		})
	}
}

// There is nothing to delete where there is no session, so nothing fails.
func TestLateDeleteOfNothing(t *testing.T) {
	s := newSite(t)
	s.browser().late(func(of *session.Session) { s.ok(errors.Join(of.Delete("a"), of.Clear(), of.Save(t.Context()))) })
	wantEvents(t, s.store)
}

// A late change that is refused does not take the good ones with it: there is no response left that could tell of it.
func TestLateRefusalKeepsTheRest(t *testing.T) {
	for name, refused := range map[string]func(*session.Session) error{
		"no cookie": (*session.Session).Generate,
		"no value":  func(s *session.Session) error { return s.Set("bad", make(chan int)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("a"))
			b.late(func(of *session.Session) {
				s.ok(of.Set("b", 1))
				if refused(of) == nil {
					t.Error("not refused")
				}
				s.ok(of.Set("c", 1))
			})
			wantKeys(t, b.keys(), "a", "b", "c")
			if !strings.Contains(s.log.String(), "session: ") {
				t.Errorf("the log does not tell of the refusal: %q", s.log)
			}
		})
	}
}

// A late save that fails is logged, as nobody else can be told.
func TestLateSaveThatFails(t *testing.T) {
	s := newSite(t)
	live := s.stored("a")
	b := s.browser(live)
	b.late(func(of *session.Session) {
		s.ok(of.Set("b", 1))
		s.store.failBefore(errDown, "save")
	})
	s.store.failBefore(nil)
	wantKeys(t, b.keys(), "a")
	log := s.log.String()
	if !strings.Contains(log, errDown.Error()) || !strings.Contains(log, live.Handle().String()) {
		t.Errorf("log %q", log)
	}
	wantSecret(t, "the log", log, b.token())
}

// In a response that streams, the handler may save as it goes on.
func TestSavesWhileStreaming(t *testing.T) {
	s := newSite(t)
	live := s.stored("a")
	b := s.browser(live)
	b.late(func(of *session.Session) {
		for i := range 3 {
			s.ok(errors.Join(of.Set("i", i), of.Save(t.Context())))
			wantEntry(t, "seen by another", s.open(live), "i", i)
		}
	})
	if v := s.open(live).Version(); v != 4 {
		t.Errorf("version %d", v)
	}
}
