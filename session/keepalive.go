package session

import (
	"context"
	"errors"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// shortLife is the remaining life under which a session is kept alive while a request of its own runs: a request that
// begins in time should not fail because it takes long.
const shortLife = time.Minute

// keepAlive has the session touched from the request's begin on, or from when a stricter manager inside has it, if it could
// expire before the request's end.
func (s *Session) keepAlive(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == closed || s.ended != nil || s.row.presence != stored {
		return
	}
	policy := s.m.policy()
	left := s.row.record.End(policy).Sub(s.storeNow())
	if s.mayIdle || left <= 0 || left >= shortLife {
		return
	}
	s.stopKeepAlive()
	if s.touchDue(policy) {
		s.m.touchSoon(ctx, s)
	}
	s.alive = time.AfterFunc(max(left/2, minInterval), func() { s.keepAlive(ctx) })
}

// stopKeepAlive ends what keepAlive has begun. s.mu is held.
func (s *Session) stopKeepAlive() {
	if s.alive != nil {
		s.alive.Stop()
		s.alive = nil
	}
}

// letExpire ends what keepAlive has begun, for a socket that keeps no session alive.
func (s *Session) letExpire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mayIdle = true
	s.stopKeepAlive()
}

// left returns how long the session lives if it is not accessed, and whether a touch is due.
func (s *Session) left() (left time.Duration, due bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	policy := s.m.policy()
	return s.row.record.End(policy).Sub(s.storeNow()), s.touchDue(policy)
}

// maxTouches bounds the touches in the background that are under way at a time.
const maxTouches = 16

// touchSoon touches the session in the background, unless a touch is under way. It waits for room no longer than a call to
// the store may last. s.mu is held.
func (m *Manager) touchSoon(ctx context.Context, s *Session) {
	if s.touching || !m.hub.enter() {
		return
	}
	s.touching = true
	ref, owner := s.ref(), s.row.record.Owner
	go func() {
		defer m.work.Done()
		ctx := m.detach(ctx)
		saved, err := m.touchInTurn(ctx, ref, owner)
		s.endTouch(saved, err)
		if err != nil && !errors.Is(err, ErrGone) {
			m.config.Logger.WarnContext(ctx, "session: touch failed", "session", s, "error", err)
		}
	}()
}

// touchInTurn touches when there is room for that.
func (m *Manager) touchInTurn(ctx context.Context, ref store.Ref, owner string) (store.Saved, error) {
	select {
	case m.touches <- struct{}{}:
		defer func() { <-m.touches }()
		return m.touch(ctx, ref, owner)
	case <-ctx.Done():
		return store.Saved{}, context.Cause(ctx)
	}
}

func (s *Session) endTouch(saved store.Saved, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.touching = false
	if err == nil {
		s.touched(saved)
	}
}
