package session

import (
	"context"
	"errors"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// The methods that an Exchange calls on its Session. Each takes the session's lock.

// loadToken loads the session of a token that has arrived. One that opens nothing leaves the session empty.
func (s *Session) loadToken(ctx context.Context, t *token) error {
	s.mu.Lock()
	s.arrive(t)
	m, ref := s.m, s.ref()
	s.mu.Unlock()
	_, err := s.reload(ctx, m, ref)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil, errors.Is(err, ErrRotated):
		return err
	case errors.Is(err, ErrGone):
		if errors.Is(err, store.ErrReused) {
			m.observe(ctx, OpReuse, ref.Key, "", time.Now(), err)
		}
		s.miss()
		return nil
	}
	s.fail(err)
	return err
}

// mustSave reports whether something is pending, or the error of a change is to be returned.
func (s *Session) mustSave() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed() || s.pending.setErr != nil
}

// sealUnlessOwing seals the session if its response need not wait for a save, and reports whether it has to.
func (s *Session) sealUnlessOwing() (owing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owes() {
		return true
	}
	s.seal()
	return false
}

func (s *Session) sealNow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal()
}

// rotatesStored reports whether a save would give a stored row a new token.
func (s *Session) rotatesStored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.presence == stored && s.pending.newer.rotate != nil
}

// tokenUnknown reports whether the row may have another token than the one known.
func (s *Session) tokenUnknown() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.presence == stored && len(s.row.possible) > 0
}

// tokenKnown notes that a write has succeeded under the token that is known.
func (s *Session) tokenKnown() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settleToken()
}

// isWithheld reports whether a stricter manager withholds the session.
func (s *Session) isWithheld() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended == errWithheld
}

// expiredMeanwhile ends a request well that began while the session lived: its response stands, and nothing is saved.
func (s *Session) expiredMeanwhile() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireCookie()
}

// drop discards what is pending.
func (s *Session) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.discard()
}

// resends reports whether the client is about to be sent the token that it came with.
func (s *Session) resends(arrived *token) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cookie == cookieToken && s.ended == nil && arrived != nil && s.row.token == arrived
}

// cookieStale reports whether the cookie's lifetime may be out of date: if it comes from the configuration, and the session
// was last accessed before this process had its own.
func (s *Session) cookieStale() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &s.row.record
	return s.row.presence == stored && s.ended == nil && s.cookie == cookieNone && r.Timeouts.Absolute == 0 &&
		!s.nonPersistent() && s.m.config.Header == "" && r.AccessedAt.Before(s.m.started)
}

// confirmed notes whether a statement has confirmed the token that is about to be sent.
func (s *Session) confirmed(ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendToken(ok)
}

// answered reports whether the handler's response stands although the session could not be saved: if its own Save has
// returned the error, and it answers with an error, or redirects the client because nothing can be saved. Pending
// changes are dropped then.
func (s *Session) answered(status int, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	redirects := status >= 300 && nothingWritten(err)
	if s.pending.lastErr == nil || status < 400 && !redirects {
		return false
	}
	s.discard()
	return true
}

// forgive returns the error of a change that failed, which no Save returns any more then.
func (s *Session) forgive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.takeSetErr()
}

// unwantRow undoes wantRow.
func (s *Session) unwantRow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending.newer.wanted = false
}

// noAccess notes that the request has been refused, and does not prolong the session.
func (s *Session) noAccess() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuseAccess()
}

// refuseUse makes every use of the session return why it could not be given. It can be destroyed.
func (s *Session) refuseUse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail(err)
}

// wantRow makes the next save create a row if there is no session.
func (s *Session) wantRow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.row.presence == absent && s.ended == nil {
		s.pending.newer.wanted = true
	}
}

// nonPersistent says whether the cookie ends with the browser. s.mu is held.
func (s *Session) nonPersistent() bool {
	if p := s.row.record.Persistence; p != store.DefaultPersistence {
		return p == store.NonPersistent
	}
	return s.m.config.Cookie.NonPersistent
}

// cookieLife is what is left of the absolute lifetime, since the database enforces the idle one; 0 for a cookie that ends
// with the browser.
func (s *Session) cookieLife() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nonPersistent() {
		return 0
	}
	end := s.row.record.CreatedAt.Add(s.timeouts(s.m.policy()).Absolute)
	return max(time.Second, end.Sub(s.storeNow()))
}
