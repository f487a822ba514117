package session_test

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// spy is a memory store that writes down what it is asked for, and fails on demand: before it has done anything, or
// after it has done it all.
type spy struct {
	*memstore.Store

	mu     sync.Mutex
	events []string
	before func(ctx context.Context, op string) error
	after  func(op string) error
}

func (s *spy) note(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, event)
}

// taken returns the events since the last call.
func (s *spy) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

// failBefore makes operations of these names fail without effect; none: every one works again.
func (s *spy) failBefore(err error, ops ...string) {
	s.hook(func(_ context.Context, op string) error {
		if slices.Contains(ops, op) {
			return err
		}
		return nil
	})
}

// beforeNext runs fn before the next operation of this name.
func (s *spy) beforeNext(op string, fn func()) {
	s.hook(func(_ context.Context, running string) error {
		if running == op {
			s.hook(nil)
			fn()
		}
		return nil
	})
}

func (s *spy) hook(before func(context.Context, string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// failAfter makes the next operation of one of these names take effect and report an error all the same.
func (s *spy) failAfter(err error, ops ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.after = func(op string) error {
		if slices.Contains(ops, op) {
			s.after = nil
			return err
		}
		return nil
	}
}

func (s *spy) enter(ctx context.Context, op string) error {
	s.note(op)
	s.mu.Lock()
	before := s.before
	s.mu.Unlock()
	if before == nil {
		return nil
	}
	return before(ctx, op)
}

func (s *spy) leave(op string, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.after != nil {
		return s.after(op)
	}
	return err
}

func spied[T any](ctx context.Context, s *spy, op string, fn func() (T, error)) (T, error) {
	var none T
	if err := s.enter(ctx, op); err != nil {
		return none, err
	}
	v, err := fn()
	if err := s.leave(op, err); err != nil {
		return none, err
	}
	return v, nil
}

func (s *spy) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return spied(ctx, s, "load", func() (store.Record, error) { return s.Store.Load(ctx, ref) })
}

func (s *spy) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return spied(ctx, s, "create", func() (store.Saved, error) { return s.Store.Create(ctx, ref, c) })
}

func (s *spy) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return spied(ctx, s, "save", func() (store.Saved, error) { return s.Store.Save(ctx, ref, c) })
}

func (s *spy) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	return spied(ctx, s, "lock", func() (store.Saved, error) { return s.Store.SaveLocked(ctx, ref, fn) })
}

func (s *spy) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return spied(ctx, s, "touch", func() (store.Saved, error) { return s.Store.Touch(ctx, ref) })
}

func (s *spy) Delete(ctx context.Context, ref store.Ref) error {
	_, err := spied(ctx, s, "delete", func() (struct{}, error) { return struct{}{}, s.Store.Delete(ctx, ref) })
	return err
}

func (s *spy) Now(ctx context.Context) (time.Time, error) {
	return spied(ctx, s, "now", func() (time.Time, error) { return s.Store.Now(ctx) })
}
