package postgres

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// Save implements store.Store. A change of entries alone is one statement, which callers may share: see saveone.go and
// savemany.go. Every other one, and one that such a statement has not served, locks the row and writes it whole: see
// locked.go.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	info, err := s.tableInfo(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	ctx, done, err := s.afterPending(ctx, ref.Key)
	defer done()
	if err != nil {
		return store.Saved{}, failed("saving a session after a write whose outcome is open", err)
	}
	saved, err := s.save(ctx, info, ref, &change)
	if err != nil {
		return store.Saved{}, failed("saving a session", err)
	}
	s.announceRevoked(saved.Ended)
	s.announce(eventOf(ref, &change, s.opts.changes))
	return saved, nil
}

func (s *Store) save(ctx context.Context, info *tableInfo, ref store.Ref, c *store.Change) (store.Saved, error) {
	inLock := func(ctx context.Context, _ saveRequest) (store.Saved, error) {
		return s.saveInLock(ctx, info, ref, s.fences.window, func(store.Record) (store.Change, error) { return *c, nil })
	}
	r := saveRequest{ref: ref, change: c, n: 1}
	if info.distributed || !changesEntries(c) || s.locks.has(ref.Key) {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		return inLock(ctx, r)
	}
	return grouped(ctx, s, info.batching && r.foldable(), s.saves, r, s.saveOne, inLock)
}

// changesEntries reports whether a change is one of entries, which at most extends the session.
func changesEntries(c *store.Change) bool {
	return !c.HasAttributes() && (c.HasData() || c.Extend) && !(c.Extend && c.IfVersion != 0) && len(c.Delete) <= manyDeletes
}

// manyDeletes is up to how many keys a statement deletes: jsonb - text[] compares all with all.
const manyDeletes = 100

// afterPending waits for the writes of key whose outcome is open. If it may have waited, the context that it returns is
// within the store's timeout from when it began. The CancelFunc is to be called when the call is over.
func (s *Store) afterPending(ctx context.Context, key store.Handle) (context.Context, context.CancelFunc, error) {
	if s.fences.pending.count.Load() == 0 {
		return ctx, func() {}, nil
	}
	ctx, cancel := s.bound(ctx)
	return ctx, cancel, s.fences.pending.wait(ctx, key)
}

// eventOf is the event that a change makes; the zero one for none.
func eventOf(ref store.Ref, c *store.Change, changes bool) store.Event {
	switch {
	case c.Rotate != nil:
		return store.Event{Kind: store.Rotated, Key: ref.Key}
	case changes && c.HasData():
		return store.Event{Kind: store.Changed, Key: ref.Key}
	}
	return store.Event{}
}
