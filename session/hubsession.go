package session

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

// The methods that the hub calls on a Session. Each takes the session's lock.

// hubView is what the hub has to know of a session.
type hubView struct {
	presence presence
	token    *token
	ended    error
	interval time.Duration
}

func (s *Session) hubView() hubView {
	s.mu.Lock()
	defer s.mu.Unlock()
	return hubView{s.row.presence, s.row.token, s.ended, s.m.interval(s.row.record.Timeouts)}
}

// pollInterval is how often the session has to be polled.
func (s *Session) pollInterval() time.Duration { return s.hubView().interval }

// ownTimeouts returns the timeouts that are set on the session itself.
func (s *Session) ownTimeouts() store.Timeouts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.Timeouts
}

// hasHash reports whether the session's token has this hash.
func (s *Session) hasHash(hash store.Hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.token != nil && s.row.token.hash(s.m.realm) == hash
}

// remoteChanges returns the version that the connection has seen, and the channel of RemoteChanges.
func (s *Session) remoteChanges() (seen int64, remote chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.Version, s.remote
}

// endFromElsewhere ends the session for this connection, and reports whose it is and whether it was this that ended it.
func (s *Session) endFromElsewhere(cause error) (m *Manager, owner string, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m, s.row.record.Owner, s.end(cause)
}

// applyPoll applies what a poll has read: the row, nil if it is gone, for which gone says why if that is known; or that
// the poll failed. before is the token from before the row was read. It returns how the session has ended, nil if it
// lives, and whether it is to be touched.
func (s *Session) applyPoll(before *token, r *store.Record, gone, failure error) (ref store.Ref, touch bool, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == closed:
		return ref, false, nil
	case s.ended != nil:
		return ref, false, s.ended // the connection itself was the first to learn of it
	}
	cause = s.verdict(r, gone, failure)
	if cause != nil && (s.row.token != before || s.rotating()) {
		// This connection has itself rotated the session since, or is about to: what was read may be the row from before.
		return ref, false, nil
	}
	if cause != nil || r == nil {
		return ref, false, cause
	}
	s.refreshed(r)
	return s.ref(), !s.m.config.WebSocket.NoKeepAlive && s.touchDue(s.m.policy()), nil
}

// verdict says how the session has ended, nil if it lives. If the database did not answer, a session whose time is up
// by what was last known has ended all the same. s.mu is held.
func (s *Session) verdict(r *store.Record, gone, failure error) error {
	policy := s.m.policy()
	over := s.overdue(policy)
	switch {
	case failure != nil && !over:
		return nil
	case failure != nil:
		return ErrExpired
	case r == nil && gone != nil:
		return gone
	case r == nil && over:
		return ErrExpired
	case r == nil:
		return ErrGone
	case !s.holds(r.Hash, s.m.realm):
		return ErrRotated
	case !r.Now.Before(r.End(policy)):
		return ErrExpired
	}
	return nil
}
