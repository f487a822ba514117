package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// bubble runs a test with a clock of its own (testing/synctest): time passes at once when all in it wait, so that a Sleep
// sets the clock and waits for nothing.
func bubble(t *testing.T, name string, run func(*testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, run) })
}

// alive reports whether the session opens, without extending it.
func (s *site) alive(of *session.Session) bool {
	s.store.failBefore(errDown, "touch") // opening is an access otherwise
	defer s.store.failBefore(nil)
	_, err := s.m.Open(s.t.Context(), of.ID().Reveal())
	return err == nil
}

func TestIdleTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		config session.Config
		own    time.Duration
		idle   time.Duration
	}{
		"default":           {session.Config{}, 0, time.Hour},
		"configured":        {session.Config{IdleTimeout: time.Minute}, 0, time.Minute},
		"own longer":        {session.Config{}, 20 * time.Hour, 20 * time.Hour},
		"own shorter":       {session.Config{}, time.Second, time.Second},
		"idle below a step": {session.Config{TouchStep: time.Hour}, 0, time.Hour},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t, func(config *session.Config) {
				config.IdleTimeout, config.TouchStep = c.config.IdleTimeout, c.config.TouchStep
			})
			of := s.m.NewSession()
			s.ok(errors.Join(of.SetTimeout(c.own), of.Set("a", 1), of.Save(t.Context())))
			if of.Timeout() != c.idle || time.Until(of.Expiration()) != c.idle {
				t.Errorf("timeout %v, expires in %v", of.Timeout(), time.Until(of.Expiration()))
			}
			time.Sleep(c.idle - time.Millisecond)
			if !s.alive(of) {
				t.Error("dead before its time")
			}
			time.Sleep(time.Millisecond)
			if s.alive(of) {
				t.Error("alive after its time")
			}
		})
	}
}

// The effective idle timeout lies between timeout − step and timeout.
func TestEffectiveIdleTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		access time.Duration // after the creation
		dies   time.Duration // after the creation
	}{
		"just below the step": {6*time.Minute - time.Millisecond, time.Hour},
		"at the step":         {6 * time.Minute, 66 * time.Minute},
		"late":                {50 * time.Minute, 110 * time.Minute},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			of := s.stored("a")
			time.Sleep(c.access)
			s.browser(of).use(reading)
			synctest.Wait()
			time.Sleep(c.dies - c.access - time.Millisecond)
			if !s.alive(of) {
				t.Error("dead before its time")
			}
			time.Sleep(time.Millisecond)
			if s.alive(of) {
				t.Error("alive after its time")
			}
		})
	}
}

// A save extends the expiry as an access does, in its own statement.
func TestSaveExtends(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		of := s.stored("a")
		b := s.browser(of)
		for range 5 {
			time.Sleep(40 * time.Minute)
			b.set("k")
			wantEvents(t, s.store, "load", "save")
		}
		if !s.alive(of) {
			t.Error("dead although it was saved within every hour")
		}
	})
}

// No touch passes the absolute end.
func TestAbsoluteTimeout(t *testing.T) {
	for name, c := range map[string]struct{ own, absolute time.Duration }{
		"default":     {0, 24 * time.Hour},
		"own longer":  {48 * time.Hour, 48 * time.Hour},
		"own shorter": {90 * time.Minute, 90 * time.Minute},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			of := s.m.NewSession()
			s.ok(errors.Join(of.SetAbsoluteTimeout(c.own), of.Set("a", 1), of.Save(t.Context())))
			if of.AbsoluteTimeout() != c.absolute {
				t.Errorf("absolute timeout %v", of.AbsoluteTimeout())
			}
			b := s.browser(of)
			start := time.Now()
			for s.alive(of) {
				time.Sleep(10 * time.Minute)
				b.keys()
				synctest.Wait()
			}
			if life := time.Since(start); life != c.absolute {
				t.Errorf("lived %v, want %v", life, c.absolute)
			}
		})
	}
}

// Renew starts the absolute lifetime again, Generate does not.
func TestRenew(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*session.Session) error
		want time.Duration // what is left of a day after 20 hours
	}{
		"Renew":    {(*session.Session).Renew, 24 * time.Hour},
		"Generate": {(*session.Session).Generate, 4 * time.Hour},
		"Set":      {setting, 4 * time.Hour},
		"both":     {func(s *session.Session) error { return errors.Join(s.Renew(), s.Generate()) }, 24 * time.Hour},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			of := s.m.NewSession()
			s.ok(errors.Join(of.SetTimeout(24*time.Hour), of.Set("a", 1), of.Save(t.Context())))
			time.Sleep(20 * time.Hour)
			of = s.open(of)
			s.ok(errors.Join(c.do(of), of.Save(t.Context())))
			if left := time.Until(of.Expiration()); left != c.want {
				t.Errorf("expires in %v, want %v", left, c.want)
			}
			time.Sleep(c.want - time.Millisecond)
			if !s.alive(of) {
				t.Error("dead before its time")
			}
			time.Sleep(time.Millisecond)
			if s.alive(of) {
				t.Error("alive after its time")
			}
		})
	}
}

// An expired row is dead at once, whether or not it was collected, for everything that a connection may still do.
func TestExpiredRowIsDead(t *testing.T) {
	for name, late := range map[string]func(context.Context, *session.Session) error{
		"Load":   func(ctx context.Context, s *session.Session) error { return s.Load(ctx) },
		"Save":   func(ctx context.Context, s *session.Session) error { return errors.Join(s.Set("k", 1), s.Save(ctx)) },
		"Update": func(ctx context.Context, s *session.Session) error { return s.Update(ctx) },
		"Modify": func(_ context.Context, s *session.Session) error { return increment(s) },
		"SetTimeout": func(ctx context.Context, s *session.Session) error {
			return errors.Join(s.SetTimeout(24*time.Hour), s.Save(ctx))
		},
		"Renew": func(ctx context.Context, s *session.Session) error { return errors.Join(s.Renew(), s.Save(ctx)) },
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			of := s.open(s.stored("a"))
			time.Sleep(time.Hour)
			err := late(t.Context(), of)
			wantIs(t, name, err, session.ErrGone)
			wantIs(t, name, err, session.ErrExpired)
			wantIs(t, "Err", of.Err(), session.ErrGone)
			if s.alive(of) || s.store.Len() != 1 {
				t.Errorf("alive %v, %d rows", s.alive(of), s.store.Len())
			}
			s.ok(of.Destroy(t.Context()))
			if s.store.Len() != 0 {
				t.Error("an expired row cannot be destroyed")
			}
		})
	}
}

// A request with an expired session's cookie is a fresh visit.
func TestRequestWithAnExpiredSession(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("a"))
		before := b.token()
		time.Sleep(time.Hour)
		wantKeys(t, b.keys())
		b.set("k")
		if b.token() == before || b.token() == "" {
			t.Error("the expired session's token goes on")
		}
	})
}

func TestUpdate(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		of := s.open(s.stored("a"))
		time.Sleep(50 * time.Minute)
		s.ok(errors.Join(of.Set("k", 1), of.Update(t.Context())))
		if left := time.Until(of.Expiration()); left != time.Hour {
			t.Errorf("expires in %v", left)
		}
		if !of.Changed() || of.Version() != 1 {
			t.Errorf("changed %v, version %d: an update saves no data", of.Changed(), of.Version())
		}
		s.store.failBefore(errDown, "touch")
		wantIs(t, "Update", of.Update(t.Context()), errDown)
		wantIs(t, "Err", of.Err(), nil)
	})
}

// A touch that fails is a line in the log, and the request goes on.
func TestFailedTouchIsLogged(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("a"))
		time.Sleep(30 * time.Minute)
		s.store.failBefore(errDown, "touch")
		wantStatus(t, b.use(reading), http.StatusOK)
		synctest.Wait()
		if log := s.log.String(); log == "" {
			t.Error("nothing is logged")
		} else {
			wantSecret(t, "the log", log, b.token())
		}
		s.store.failBefore(nil)
		b.use(reading) // is due again
		synctest.Wait()
		wantEvents(t, s.store, "load", "touch", "load", "touch")
	})
}
