package session

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Save writes what is pending in one statement: only the keys that changed, merged into what the row then holds, together
// with a rotation, timeouts and owner. Without changes it does nothing. When it returns nil, all that was pending at its
// call is durable; otherwise it is all pending still.
//
// It returns the error of a Set that failed since the last Save, before anything is written; so too ErrSealed for an entry
// of SetFor whose end has to be corrected by the store's clock, and whose key is gone: that entry is not pending any more.
// Otherwise it returns ErrGone or ErrRotated if the session has ended, ErrTooLarge, ErrOwnerLimit, or the database's error.
func (s *Session) Save(ctx context.Context) error {
	_, err := s.save(ctx, false)
	s.setLastErr(err)
	return err
}

// setLastErr remembers how the handler's own last save ended.
func (s *Session) setLastErr(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.saveEnded(err)
}

// save is Save, and reports whether it has written; with last, nothing that needs a cookie can be changed from its snapshot
// on.
func (s *Session) save(ctx context.Context, last bool) (wrote bool, err error) {
	if err := s.exchanges.Lock(ctx); err != nil {
		return false, fmt.Errorf("session: save: %w", err)
	}
	defer s.exchanges.Unlock()
	if err := s.learnClock(ctx); err != nil {
		return false, err
	}
	for {
		s.mu.Lock()
		taken, err := s.snapshot(last)
		m := s.m
		s.mu.Unlock()
		if !taken {
			return false, err
		}
		if err = s.saveTaken(ctx, m); !s.forked(err) {
			return err == nil, err
		}
	}
}

// saveTaken writes what is in flight. s.exchanges is held.
func (s *Session) saveTaken(ctx context.Context, m *Manager) error {
	saved, err := store.Saved{}, errPanicked
	defer func() { s.settle(saved, err) }() // also if the store panics
	saved, err = s.write(ctx, m, s.inflightChange())
	return err
}

// forked makes the session one of its own if the error of a save says that its row is lost to a login or renewal. There is
// no row then that another error of this kind could come from.
func (s *Session) forked(err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mayFork(err) {
		return false
	}
	from := s.choose().handle()
	s.fork()
	s.moveSealed(from)
	return true
}

func (s *Session) inflightChange() store.Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.pending.inflight.change(s.m.realm)
	c.Extend, c.IfVersion = s.touchDue(s.m.policy()), s.pending.version
	c.Base, c.EndedEntries = s.basis()
	return c
}

// write creates or saves the row. s.exchanges is held.
func (s *Session) write(ctx context.Context, m *Manager, c store.Change) (store.Saved, error) {
	s.mu.Lock()
	ref, presence, owner := s.ref(), s.row.presence, valueOr(c.Owner, s.row.record.Owner)
	s.mu.Unlock()
	start := time.Now()
	op, saved, err := OpSave, store.Saved{}, error(nil)
	if presence == stored {
		saved, err = s.update(ctx, m, ref, c)
	} else {
		op = OpCreate
		saved, err = s.create(ctx, m, ref, c, presence)
	}
	m.observeSave(ctx, op, ref.Key, owner, start, c.Rotate != nil, err)
	if err != nil {
		return saved, fmt.Errorf("session: save %s: %w", ref.Key, err)
	}
	return saved, nil
}

// create inserts the row under its newest token. If an earlier attempt may have inserted it, it is that row which is saved.
func (s *Session) create(ctx context.Context, m *Manager, ref store.Ref, c store.Change, presence presence) (store.Saved, error) {
	first, fresh := ref, c
	if c.Rotate != nil {
		first.Hash, fresh.Rotate = *c.Rotate, nil
	}
	saved, err := m.store.Create(ctx, first, fresh)
	m.collectSoon()
	if presence == uncertain && errors.Is(err, store.ErrExists) {
		return s.update(ctx, m, ref, c)
	}
	return saved, err
}

func (s *Session) update(ctx context.Context, m *Manager, ref store.Ref, c store.Change) (store.Saved, error) {
	saved, err := m.store.Save(ctx, ref, c)
	return retryWithPossibleTokens(s, ref, saved, err, func(ref store.Ref) (store.Saved, error) {
		if c.Rotate != nil && *c.Rotate == ref.Hash {
			c.Rotate = nil // it has taken effect
		}
		return m.store.Save(ctx, ref, c)
	})
}

// settle applies a write's outcome to the session, and notifies the watchers of the row.
func (s *Session) settle(saved store.Saved, err error) {
	s.mu.Lock()
	if err != nil {
		s.saveFailed(err)
		s.mu.Unlock()
		return
	}
	s.refuseNext(s.correctClock(saved.Now))
	rotated := s.saved(saved)
	m, key := s.m, s.row.token.handle()
	s.mu.Unlock()
	m.hub.saved(s, key, saved.Version, rotated)
	for _, ended := range saved.Ended {
		m.hub.end(ended, ErrRevoked)
	}
}
