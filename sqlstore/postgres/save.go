package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Save implements store.Store. A change of entries alone is one statement, which callers may share: see saveone.go and
// savemany.go. Every other one, and one that such a statement has not served, locks the row and writes it whole: see
// locked.go.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	at, err := s.at(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	ctx, done, err := s.afterPending(ctx, ref.Key)
	defer done()
	if err != nil {
		return store.Saved{}, failed("saving a session after a write whose outcome is open", err)
	}
	saved, err := s.save(ctx, at, ref, &change)
	if err != nil {
		return store.Saved{}, failed("saving a session", err)
	}
	s.announceRevoked(saved.Ended)
	s.announce(eventOf(ref, &change, s.opts.changes))
	return saved, nil
}

func (s *Store) save(ctx context.Context, at *site, ref store.Ref, c *store.Change) (store.Saved, error) {
	inLock := func(ctx context.Context, _ saveRequest) (store.Saved, error) {
		return s.saveInLock(ctx, at, ref, s.fences.window, func(store.Record) (store.Change, error) { return *c, nil })
	}
	r := saveRequest{ref: ref, change: c, n: 1}
	if at.distributed || !changesEntries(c) || s.locks.has(ref.Key) {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		return inLock(ctx, r)
	}
	return grouped(ctx, s, at.batching && r.foldable(), s.saves, r, s.saveOne, inLock)
}

// changesEntries reports whether a change is one of entries, which at most extends the session.
func changesEntries(c *store.Change) bool {
	rare := c.Rotate != nil || c.Owner != nil || c.Tag != nil || c.Persistence != nil || c.Device != nil ||
		c.Authenticate || c.Resets()
	return !rare && (c.HasData() || c.Extend) && !(c.Extend && c.IfVersion != 0) && len(c.Delete) <= manyDeletes
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

// saveOne serves a request that is one caller's alone.
func (s *Store) saveOne(ctx context.Context, r saveRequest) (saved store.Saved, err error) {
	if r.change.Extend {
		result := s.saveMany(ctx, []saveRequest{r})[0]
		return result.Value, result.Err
	}
	at, err := s.at(ctx)
	if err != nil {
		return saved, err
	}
	args, keys, e := saveOneArgs(r), []store.Handle{r.ref.Key}, eventOf(r.ref, r.change, s.opts.changes)
	err = s.do(ctx, untouched, func(ctx context.Context, conn *pgxpool.Conn) error {
		f, n := s.fences.next(), 0
		args[fenceArg] = f.end
		err := s.fenced(ctx, f, keys, func(ctx context.Context) (err error) {
			n, err = s.queryAndNotify(ctx, conn, at, s.statement(s.sql.saveOne, args...), e, func(v [][]byte) error {
				saved = readSaved(v)
				return nil
			})
			return err
		})
		switch {
		case err != nil && isRefusal(err), err == nil && n == 0:
			return errUnserved
		case err == nil:
			s.fences.note(f.sent, saved.Now)
		}
		return err
	})
	return saved, err
}

// isRefusal reports whether saveOneText has refused a row: it is locked, or its time was over when the lock was released.
func isRefusal(err error) bool {
	const divisionByZero = "22012"
	code := codeOf(err)
	return code == lockNotAvailable || code == divisionByZero
}

var noKeys = []string{}

const fenceArg = 4 // among those of saveOneText

func saveOneArgs(r saveRequest) []any {
	c, p := r.change, r.ref.Policy
	base, whole := wholeText(c, p)
	del := c.Delete
	if del == nil {
		del = noKeys
	}
	return []any{
		uuid(r.ref.Key), r.ref.Hash[:], limitMillis(p.Absolute), limitMillis(p.IdleLimit), nil, c.IfVersion, base, whole,
		c.Clear, del, objectText(c.Set), int64(max(0, p.MaxBytes)),
	}
}

// wholeText is what the row's data become if it has the version base. 0, which no row has, if the client does not know.
func wholeText(c *store.Change, p store.Policy) (base int64, whole []byte) {
	whole, ok := c.Whole(p.MaxBytes)
	if !ok {
		return 0, nil
	}
	return c.Base.Version, whole
}
