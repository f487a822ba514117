package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Destroy deletes the row and ends the session, for good: no save or update that comes later brings it back, on any
// connection. Its sockets end. Set and Save then return ErrGone; Rotate and Login start a new session. Destroying a session
// that is gone already is no error. ErrRotated is returned if a parallel request holds the new token; otherwise the
// database's error, with the session as it was.
func (s *Session) Destroy(ctx context.Context) error {
	if err := s.exchanges.Lock(ctx); err != nil {
		return fmt.Errorf("session: destroy: %w", err)
	}
	defer s.exchanges.Unlock()
	s.mu.Lock()
	switch {
	case s.phase == closed:
		defer s.mu.Unlock()
		return ErrClosed
	case errors.Is(s.ended, ErrRotated):
		defer s.mu.Unlock()
		return s.ended
	}
	m, refs, owner := s.m, s.names(), s.row.record.Owner
	s.mu.Unlock()
	if err := s.endElsewhere(ctx, refs); err != nil {
		return err
	}
	if err := m.deleteOne(ctx, refs, owner); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.destroyed()
	return nil
}

// names returns the names under which there may be a row, the latest last. s.mu is held.
func (s *Session) names() []store.Ref {
	if s.row.token == nil || s.row.presence == absent {
		return nil
	}
	refs := []store.Ref{s.ref()}
	for _, t := range s.row.possible {
		refs = append(refs, s.refOf(t))
	}
	return refs
}

// deleteOne deletes the row under whichever of its names it has.
func (m *Manager) deleteOne(ctx context.Context, refs []store.Ref, owner string) error {
	for i, ref := range refs {
		last := i == len(refs)-1
		if err := m.delete(ctx, ref, owner); err != nil && (last || !errors.Is(err, ErrRotated)) {
			return err
		}
	}
	return nil
}

func (m *Manager) delete(ctx context.Context, ref store.Ref, owner string) error {
	start := time.Now()
	err := m.store.Delete(ctx, ref)
	m.observe(ctx, OpDestroy, ref.Key, owner, start, err)
	if err != nil {
		return fmt.Errorf("session: destroy %s: %w", ref.Key, err)
	}
	m.hub.destroyed(ref)
	return nil
}
