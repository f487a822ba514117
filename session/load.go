package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// Load reads the session's row again while the handler runs, to see what other requests have saved since. The middleware
// has read it before the handler. Pending changes stay, on top of what is read. A session that has no row is left as it
// is. Errors are the store's: ErrGone, ErrExpired, ErrRotated, ErrCorrupt, or that of the database.
func (s *Session) Load(ctx context.Context) error {
	return s.withRow(ctx, "load", func(m *Manager, ref store.Ref) error {
		_, err := s.reload(ctx, m, ref)
		return err
	})
}

// withRow runs fn while no other goroutine of the connection calls the store, if the session lives and has a row.
func (s *Session) withRow(ctx context.Context, what string, fn func(*Manager, store.Ref) error) error {
	if err := s.exchanges.Lock(ctx); err != nil {
		return fmt.Errorf("session: %s: %w", what, err)
	}
	defer s.exchanges.Unlock()
	s.mu.Lock()
	if s.ended != nil || s.row.presence != stored {
		defer s.mu.Unlock()
		return s.ended
	}
	m, ref := s.m, s.ref()
	s.mu.Unlock()
	return fn(m, ref)
}

// reload loads the row and applies it to the session. s.exchanges is held.
func (s *Session) reload(ctx context.Context, m *Manager, ref store.Ref) (store.Record, error) {
	start := time.Now()
	rec, err := m.store.Load(ctx, ref)
	rec, err = retryWithPossibleTokens(s, ref, rec, err, func(ref store.Ref) (store.Record, error) { return m.store.Load(ctx, ref) })
	m.observe(ctx, OpLoad, ref.Key, cmp.Or(rec.Owner, s.knownOwner()), start, err)
	var obj jsonobj.Object
	if err == nil {
		obj, err = scan(rec.Data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.endByRow(err)
		return rec, fmt.Errorf("session: load %s: %w", ref.Key, err)
	}
	s.refuseNext(s.correctClock(rec.Now))
	s.load(rec, obj)
	return rec, nil
}

func scan(data []byte) (jsonobj.Object, error) {
	obj, err := jsonobj.Scan(data)
	if err != nil {
		return obj, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return obj, nil
}

// retryWithPossibleTokens repeats an operation under the other tokens that the row may have: if writes that carried a
// rotation have failed without saying whether they took effect, and nothing opens under the one before.
func retryWithPossibleTokens[T any](s *Session, ref store.Ref, got T, err error, again func(store.Ref) (T, error)) (T, error) {
	if !errors.Is(err, ErrGone) {
		return got, err
	}
	s.mu.Lock()
	possible, realm := s.row.possible, s.m.realm
	s.mu.Unlock()
	for _, t := range possible {
		ref.Hash = t.hash(realm)
		gotAgain, errAgain := again(ref)
		if errors.Is(errAgain, ErrGone) {
			continue
		}
		if errAgain == nil || nothingWritten(errAgain) { // any other failure says nothing of the token
			s.mu.Lock()
			s.moved(t)
			s.mu.Unlock()
		}
		return gotAgain, errAgain
	}
	return got, err
}

// Update extends the expiration as an access does: to now plus the idle timeout, within the absolute one. It saves no
// entries: Save does. The middleware extends sessions by itself when that is worth a write; Update writes in any case. It
// returns the errors of Load, and ErrClosed.
func (s *Session) Update(ctx context.Context) error { return s.Touch(ctx) }

// Touch is Update.
func (s *Session) Touch(ctx context.Context) error {
	if s.isClosed() {
		return ErrClosed
	}
	return s.withRow(ctx, "touch", func(m *Manager, ref store.Ref) error { return s.touchNow(ctx, m, ref) })
}

// touchNow writes an access, due or not. s.exchanges is held.
func (s *Session) touchNow(ctx context.Context, m *Manager, ref store.Ref) error {
	ref.Policy.Step, ref.Policy.RecordAccess = 0, true
	owner := s.knownOwner()
	touch := func(ref store.Ref) (store.Saved, error) { return m.touch(ctx, ref, owner) }
	saved, err := touch(ref)
	saved, err = retryWithPossibleTokens(s, ref, saved, err, touch)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.endByRow(err)
		return err
	}
	s.written(saved)
	return nil
}

// knownOwner returns the owner that the row had when it was last read or written.
func (s *Session) knownOwner() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.Owner
}

func (s *Session) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == closed
}

func (m *Manager) touch(ctx context.Context, ref store.Ref, owner string) (store.Saved, error) {
	start := time.Now()
	saved, err := m.store.Touch(ctx, ref)
	m.observe(ctx, OpTouch, ref.Key, owner, start, err)
	if err != nil {
		return saved, fmt.Errorf("session: touch %s: %w", ref.Key, err)
	}
	return saved, nil
}
