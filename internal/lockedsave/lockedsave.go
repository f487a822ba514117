// Package lockedsave has the locked save of stores whose database has no lock for a row: the callers of one process wait
// for each other, and the row's version shows if another process has written the row.
package lockedsave

import (
	"context"
	"errors"

	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/session/store"
)

// ErrMoved is what Store.Save returns if the row has changed since it was read.
var ErrMoved = errors.New("the row has changed since it was read")

// Store is a store as Run uses it.
type Store struct {
	Locks *keylock.Locks[store.Handle] // of sessions for which a Run is under way
	Load  func(context.Context, store.Ref) (store.Record, error)

	// Save saves the change if the row still has the version. It does not wait for Locks.
	Save func(ctx context.Context, ref store.Ref, version int64, change store.Change) (store.Saved, error)
}

// Run implements store.Locker. If somebody has changed the row although it is locked, fn is called again with what it
// then holds.
func (s Store) Run(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	unlock, err := s.Locks.Lock(ctx, ref.Key)
	if err != nil {
		return store.Saved{}, err
	}
	defer unlock()
	for {
		seen, err := s.Load(ctx, ref)
		if err != nil {
			return store.Saved{}, err
		}
		change, err := fn(seen)
		if err != nil {
			return store.Saved{}, err
		}
		saved, err := s.Save(ctx, ref, seen.Version, change)
		if !errors.Is(err, ErrMoved) {
			return saved, err
		}
	}
}
