package session_test

import (
	"errors"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// Timeouts that are not set on the session are the configuration's, for sessions that live already, too.
func TestConfigurationHoldsForLivingSessions(t *testing.T) {
	bubble(t, "shorter absolute timeout", func(t *testing.T) {
		s := newSite(t)
		of := s.m.NewSession()
		s.ok(errors.Join(of.SetTimeout(10*time.Hour), of.Set("a", 1), of.Save(t.Context())))
		shorter, err := s.m.Derive(func(c *session.Config) { c.AbsoluteTimeout = 2 * time.Hour })
		s.ok(err)
		opens := func(m *session.Manager) bool {
			_, err := m.Open(t.Context(), of.ID().Reveal())
			return err == nil
		}
		time.Sleep(2*time.Hour - time.Millisecond)
		if !opens(shorter) {
			t.Error("dead before its time")
		}
		time.Sleep(time.Millisecond)
		if opens(shorter) || !opens(s.m) {
			t.Errorf("alive under the shorter %v, under the longer %v", opens(shorter), opens(s.m))
		}
	})
	bubble(t, "longer idle timeout", func(t *testing.T) {
		s := newSite(t)
		of := s.stored("a")
		longer, err := s.m.Derive(func(c *session.Config) { c.IdleTimeout = 5 * time.Hour })
		s.ok(err)
		again, err := longer.Open(t.Context(), of.ID().Reveal())
		s.ok(err)
		s.ok(again.Update(t.Context()))
		time.Sleep(4 * time.Hour)
		if _, err := longer.Open(t.Context(), of.ID().Reveal()); err != nil {
			t.Error("the longer timeout does not hold")
		}
	})
	bubble(t, "shorter idle timeout", func(t *testing.T) {
		s := newSite(t)
		of := s.stored("a")
		shorter, err := s.m.Derive(func(c *session.Config) { c.IdleTimeout = time.Minute })
		s.ok(err)
		again, err := shorter.Open(t.Context(), of.ID().Reveal())
		s.ok(err)
		s.ok(again.Update(t.Context())) // never shortens
		time.Sleep(time.Hour - time.Millisecond)
		if !s.alive(of) {
			t.Error("a touch has shortened the session's life")
		}
	})
	bubble(t, "the session's own timeouts", func(t *testing.T) {
		s := newSite(t)
		of := s.m.NewSession()
		s.ok(errors.Join(of.SetAbsoluteTimeout(48*time.Hour), of.SetTimeout(30*time.Hour), of.Save(t.Context())))
		shorter, err := s.m.Derive(func(c *session.Config) { c.IdleTimeout, c.AbsoluteTimeout = time.Minute, time.Minute })
		s.ok(err)
		again, err := shorter.Open(t.Context(), of.ID().Reveal())
		s.ok(err)
		if again.Timeout() != time.Minute || again.AbsoluteTimeout() != 48*time.Hour {
			t.Errorf("timeouts %v, %v", again.Timeout(), again.AbsoluteTimeout())
		}
		time.Sleep(25 * time.Hour)
		if _, err := shorter.Open(t.Context(), of.ID().Reveal()); !errors.Is(err, session.ErrExpired) {
			t.Errorf("the stricter idle timeout does not hold: %v", err)
		}
		if !s.alive(of) {
			t.Error("dead before its time")
		}
	})
}

// SetTimeout computes the expiry anew with the next save, also to become shorter, and 0 takes it back.
func TestSetTimeout(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		of := s.open(s.stored("a"))
		for _, c := range []struct{ set, want time.Duration }{
			{10 * time.Hour, 10 * time.Hour}, {time.Minute, time.Minute}, {time.Millisecond, time.Millisecond}, {0, time.Hour},
		} {
			s.ok(of.SetTimeout(c.set))
			if of.Timeout() != c.want {
				t.Errorf("pending: timeout %v, want %v", of.Timeout(), c.want)
			}
			s.ok(of.Save(t.Context()))
			if left := time.Until(of.Expiration()); left != c.want || of.Timeout() != c.want {
				t.Errorf("saved: timeout %v, expires in %v; want %v", of.Timeout(), left, c.want)
			}
			if again := s.open(of); again.Timeout() != c.want {
				t.Errorf("loaded: timeout %v, want %v", again.Timeout(), c.want)
			}
		}
	})
}

func TestTimeoutsThatAreRefused(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	for name, err := range map[string]error{
		"negative":                 of.SetTimeout(-time.Second),
		"below a millisecond":      of.SetTimeout(time.Microsecond),
		"no whole milliseconds":    of.SetTimeout(time.Second + time.Nanosecond),
		"above the absolute":       of.SetTimeout(25 * time.Hour),
		"beyond 10 years":          of.SetTimeout(session.MaxTimeout + time.Hour),
		"the longest duration":     of.SetTimeout(1<<63 - 1),
		"negative absolute":        of.SetAbsoluteTimeout(-1),
		"absolute beyond 10 years": of.SetAbsoluteTimeout(session.MaxTimeout + time.Millisecond),
	} {
		wantIs(t, name, err, session.ErrValue)
	}
	if of.Changed() {
		t.Error("something is pending")
	}
	wantIs(t, "Save", of.Save(t.Context()), session.ErrValue)
	s.ok(errors.Join(of.SetAbsoluteTimeout(session.MaxTimeout), of.SetTimeout(session.MaxTimeout), of.Save(t.Context())))
}
