package session

import (
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// MaxTimeout bounds every timeout: 10 years.
const MaxTimeout = 10 * 365 * 24 * time.Hour

// maxName bounds an owner's name and a tag, which stand in an index.
const maxName = 512

// Timeout returns the idle timeout that holds for this connection: the session's own, or the manager's.
func (s *Session) Timeout() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timeouts(s.m.policy()).Idle
}

// AbsoluteTimeout returns the longest life from creation: the session's own, or the manager's.
func (s *Session) AbsoluteTimeout() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timeouts(s.m.policy()).Absolute
}

// SetTimeout gives this session an idle timeout of its own, in whole milliseconds; 0 takes it back. It takes effect,
// and the expiry is computed anew, with the next save. It may not exceed AbsoluteTimeout: to remember somebody for a
// month, set that first. It returns the errors of Set.
func (s *Session) SetTimeout(d time.Duration) error {
	return s.change(func() error {
		if err := checkTimeout("idle timeout", d); err != nil {
			return fmt.Errorf("%w: %w", ErrValue, err)
		}
		if absolute := s.timeouts(s.m.policy()).Absolute; d > absolute {
			return fmt.Errorf("%w: idle timeout %v exceeds the absolute timeout %v", ErrValue, d, absolute)
		}
		s.pending.newer.idle = &d
		return nil
	})
}

// SetAbsoluteTimeout gives this session a longest life of its own, from its creation, in whole milliseconds; 0 takes it
// back. As it decides how long the cookie lives, it needs one to be sent: it returns ErrNoCookie after the response has
// begun.
func (s *Session) SetAbsoluteTimeout(d time.Duration) error {
	return s.changeWithCookie(func() error {
		if err := checkTimeout("absolute timeout", d); err != nil {
			return fmt.Errorf("%w: %w", ErrValue, err)
		}
		s.pending.newer.absolute = &d
		return nil
	})
}

// changeWithCookie is change for what needs a cookie to be sent.
func (s *Session) changeWithCookie(fn func() error) error {
	return s.change(func() error {
		if s.phase != open {
			return ErrNoCookie
		}
		return fn()
	})
}

func checkTimeout(what string, d time.Duration) error {
	switch {
	case d < 0 || (d > 0 && d < time.Millisecond):
		return fmt.Errorf("%s %v is not at least a millisecond", what, d)
	case d > MaxTimeout:
		return fmt.Errorf("%s %v is longer than %v", what, d, MaxTimeout)
	case d%time.Millisecond != 0:
		return fmt.Errorf("%s %v is not in whole milliseconds", what, d)
	}
	return nil
}

// SetPersistent says whether the cookie outlives the browser, up to the absolute timeout, or ends with it. It is kept
// in the row, so that it holds for the cookies of later rotations too. It returns ErrNoCookie after the response has
// begun.
func (s *Session) SetPersistent(on bool) error {
	return s.changeWithCookie(func() error {
		p := store.NonPersistent
		if on {
			p = store.Persistent
		}
		s.pending.newer.persistence = &p
		return nil
	})
}

// Owner returns whose session it is, "" if that is not set.
func (s *Session) Owner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.owner()
}

// SetOwner says whose session it is, so that the sessions of one user can be listed and revoked; "" takes it back. An
// owner is valid UTF-8 of at most 512 bytes. One that differs from the stored session's gives the session a new token
// too, as Rotate does, and returns ErrNoCookie after the response has begun: for a login, call Login. If the
// configuration limits an owner's sessions, the save may return ErrOwnerLimit.
func (s *Session) SetOwner(owner string) error {
	return s.change(func() error {
		if err := checkName("owner", owner); err != nil {
			return err
		}
		return s.setOwner(owner)
	})
}

// setOwner sets the owner, and rotates if it is a new one. s.mu is held.
func (s *Session) setOwner(owner string) error {
	if owner != "" && owner != s.row.record.Owner && s.row.presence != absent {
		if s.phase != open {
			return ErrNoCookie
		}
		s.rotate()
	}
	s.pending.newer.owner = &owner
	return nil
}

// Tag returns the session's second name, "" if it has none.
func (s *Session) Tag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.withheld() {
		return ""
	}
	return valueOr(or(s.pending.newer.tag, s.pending.inflight.tag), s.row.record.Tag)
}

// SetTag gives the session a second name, by which [Manager.SessionsTagged] and [Manager.RevokeTagged] find it: an
// identity provider's session id, a device, a tenant. "" takes it back. A tag is valid UTF-8 of at most 512 bytes.
// SetTag returns the errors of Set.
func (s *Session) SetTag(tag string) error {
	return s.change(func() error {
		if err := checkName("tag", tag); err != nil {
			return err
		}
		s.pending.newer.tag = &tag
		return nil
	})
}

func checkName(what, name string) error {
	if err := checkText(name); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrValue, what, err)
	}
	if len(name) > maxName {
		return fmt.Errorf("%w: %s of %d bytes, at most %d", ErrValue, what, len(name), maxName)
	}
	return nil
}
