package sqlite

import (
	"context"
	"errors"

	"github.com/simples-go/sessions/session/store"
)

// errMoved is returned if the row has changed since a locked save has read it.
var errMoved = errors.New("sqlite: the row has changed")

// SaveLocked implements store.Locker. The file has one lock, which would hold up every session while an application's
// function runs. So saves of this session wait in this process, and all else goes on. If somebody has changed the row
// meanwhile all the same, fn is called again with what it then holds.
func (s *Store) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	unlock, err := s.locks.Lock(ctx, ref.Key)
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
		out, err := s.write(ctx, saving("locked save", ref, seen.Version, change))
		if err != errMoved {
			return out.saved, err
		}
	}
}
