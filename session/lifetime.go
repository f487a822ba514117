package session

import (
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// MaxTimeout bounds every timeout: 10 years.
const MaxTimeout = 10 * 365 * 24 * time.Hour

// maxOwner bounds an owner's name, which stands in an index.
const maxOwner = 512

// Timeout returns the idle timeout: the session's own, or the manager's.
func (s *Session) Timeout() time.Duration { return s.timeouts().Idle }

// AbsoluteTimeout returns the longest life from creation: the session's own, or the manager's.
func (s *Session) AbsoluteTimeout() time.Duration { return s.timeouts().Absolute }

func (s *Session) timeouts() store.Timeouts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.effective()
}

// effective returns the timeouts with all that is pending. s.mu is held.
func (s *Session) effective() store.Timeouts {
	t := s.meta.timeouts
	if idle := or(s.pending.idle, s.inflight.idle); idle != nil {
		t.Idle = *idle
	}
	if absolute := or(s.pending.absolute, s.inflight.absolute); absolute != nil {
		t.Absolute = *absolute
	}
	return t.Or(s.m.policy.Timeouts)
}

// SetTimeout gives this session an idle timeout of its own, in whole milliseconds; 0 takes it back. It takes effect, and
// the expiry is computed anew, with the next save. It may not exceed AbsoluteTimeout: to remember somebody for a month, set
// that first. Errors as those of Set.
func (s *Session) SetTimeout(d time.Duration) error {
	return s.change(func() error {
		if err := checkTimeout("idle timeout", d); err != nil {
			return err
		}
		if absolute := s.effective().Absolute; d > absolute {
			return fmt.Errorf("%w: idle timeout %v exceeds the absolute timeout %v", ErrValue, d, absolute)
		}
		s.pending.idle = &d
		return nil
	})
}

// SetAbsoluteTimeout gives this session a longest life of its own, from its creation, in whole milliseconds; 0 takes it
// back. As it decides how long the cookie lives, it needs one to be sent: ErrNoCookie after the response has begun.
func (s *Session) SetAbsoluteTimeout(d time.Duration) error {
	return s.change(func() error {
		if err := checkTimeout("absolute timeout", d); err != nil {
			return err
		}
		if s.sealed {
			return ErrNoCookie
		}
		s.pending.absolute = &d
		return nil
	})
}

func checkTimeout(what string, d time.Duration) error {
	switch {
	case d < 0 || (d > 0 && d < time.Millisecond):
		return fmt.Errorf("%w: %s %v is not at least a millisecond", ErrValue, what, d)
	case d > MaxTimeout:
		return fmt.Errorf("%w: %s %v is longer than %v", ErrValue, what, d, MaxTimeout)
	case d%time.Millisecond != 0:
		return fmt.Errorf("%w: %s %v is not in whole milliseconds", ErrValue, what, d)
	}
	return nil
}

// SetBrowserSession says whether the cookie ends with the browser instead of with the absolute timeout. It holds for the
// cookies that this connection sends and is not stored.
func (s *Session) SetBrowserSession(on bool) error {
	return s.change(func() error {
		if s.sealed {
			return ErrNoCookie
		}
		if s.browser = &on; s.stored && s.cookie == cookieKept {
			s.cookie = cookieNew
			s.pending.create = true // a statement tells whether the token that is sent again still opens the session
		}
		return nil
	})
}

// Owner returns whose session it is, "" where that is not set.
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner := or(s.pending.owner, s.inflight.owner); owner != nil {
		return *owner
	}
	return s.meta.owner
}

// SetOwner says whose session it is, so that the sessions of one user can be listed and revoked; "" takes it back. At most
// 512 bytes of valid UTF-8. Where the configuration limits an owner's sessions, the save may return ErrOwnerLimit.
func (s *Session) SetOwner(owner string) error {
	return s.change(func() error {
		if err := checkOwner(owner); err != nil {
			return err
		}
		s.pending.owner = &owner
		return nil
	})
}

func checkOwner(owner string) error {
	if err := checkText(owner); err != nil {
		return fmt.Errorf("%w: owner: %w", ErrValue, err)
	}
	if len(owner) > maxOwner {
		return fmt.Errorf("%w: owner of %d bytes, at most %d", ErrValue, len(owner), maxOwner)
	}
	return nil
}

// Generate gives the session a new token; its data stays, and the old token is dead once the change is saved, in the same
// statement. Call it whenever somebody's rights change (OWASP ASVS 7.2.4). After Destroy it starts an empty session.
// ErrNoCookie after the response has begun, and in a WebSocket handler after the handshake: no cookie could be sent.
func (s *Session) Generate() error { return s.generate(false) }

// Renew is Generate for a fresh authentication: the absolute lifetime starts again, too.
func (s *Session) Renew() error { return s.generate(true) }

func (s *Session) generate(renew bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return s.fail(ErrClosed)
	case s.sealed:
		return s.fail(ErrNoCookie)
	case s.dead == ErrRotated:
		return s.fail(s.dead)
	case s.dead != nil:
		s.restart()
	}
	if !s.stored {
		s.token = newToken(time.Now())
		s.pending.create = true
		return nil
	}
	if s.pending.id == nil { // else it has been sent to nobody, and an earlier save may have given it to the row
		s.pending.id = s.token.rotated()
	}
	s.pending.renew = s.pending.renew || renew
	return nil
}

// restart makes the session a new, empty one after its end. s.mu is held.
func (s *Session) restart() {
	s.dead, s.failed, s.stored, s.unsure, s.maybe = nil, nil, false, false, nil
	s.token, s.meta = nil, meta{}
	s.forget()
}

// forget drops the entries and all that is pending. s.mu is held.
func (s *Session) forget() {
	s.data, s.pending = jsonobj.Object{}, patch{}
}

// change runs fn, which changes what is pending, where the session takes changes.
func (s *Session) change(fn func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.writable()
	if err == nil {
		err = fn()
	}
	if err != nil {
		return s.fail(err)
	}
	return nil
}
