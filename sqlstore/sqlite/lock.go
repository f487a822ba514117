package sqlite

import (
	"context"

	"github.com/simples-go/sessions/internal/lockedsave"
	"github.com/simples-go/sessions/session/store"
)

// SaveLocked implements store.Locker. The file has one lock, which would hold up every session while an application's
// function runs. So saves of this session wait in this process, and all else goes on. If somebody has changed the row
// all the same, fn is called again with what it then holds.
func (s *Store) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	return lockedsave.Store{Locks: &s.locks, Load: s.Load, Save: s.saveVersion}.Run(ctx, ref, fn)
}

// saveVersion saves the change if the row still has the version.
func (s *Store) saveVersion(
	ctx context.Context, ref store.Ref, version int64, change store.Change,
) (store.Saved, error) {
	out, err := s.write(ctx, saving("locked save", ref, version, change))
	return out.saved, err
}
