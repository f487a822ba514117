package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// SaveLocked implements store.Locker: the row is locked while fn runs, in a transaction of its own. An error of the
// database before fn's change was committed makes it run again, with the row as it is then.
func (s *Store) SaveLocked(ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error)) (
	store.Saved, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.tableInfo(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	if err := s.fences.pending.wait(ctx, ref.Key); err != nil {
		return store.Saved{}, failed("saving a locked session after a write whose outcome is open", err)
	}
	var event store.Event
	saved, err := s.saveInLock(ctx, info, ref, s.remaining(ctx), func(r store.Record) (store.Change, error) {
		if !isObject(r.Data) {
			return store.Change{}, store.ErrCorrupt
		}
		change, err := fn(r)
		if err != nil {
			err = &callbackError{err}
		}
		event = eventOf(ref, &change, s.opts.changes)
		return change, err
	})
	if err != nil {
		var own *callbackError
		if errors.As(err, &own) {
			return store.Saved{}, own.err
		}
		return store.Saved{}, failed("saving a locked session", err)
	}
	s.announceRevoked(saved.Ended)
	s.announce(event)
	return saved, nil
}

// callbackError is an error of a caller's function, to be returned as it is.
type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// saveInLock saves the change that fn makes of the row, within limit. store.Change.Apply decides what becomes of it.
func (s *Store) saveInLock(ctx context.Context, info *tableInfo, ref store.Ref, limit time.Duration,
	fn func(store.Record) (store.Change, error)) (saved store.Saved, err error) {
	err = s.inRow(ctx, info, ref, limit, func(ctx context.Context, tx pgx.Tx, r *store.Record) error {
		change, err := fn(*r)
		if err != nil {
			return err
		}
		old := r.Owner
		if err := change.Apply(r, ref.Policy, r.Now); err != nil {
			return err
		}
		saved = r.Saved(r.Now)
		if ref.Policy.Owner.Applies(old, r.Owner) {
			if saved.Ended, err = s.makeRoom(ctx, tx, info, ref, r.Owner); err != nil {
				return err
			}
		}
		return s.writeRow(ctx, tx, info, r, change.HasData(), eventOf(ref, &change, s.opts.changes))
	})
	return saved, err
}

// inRow calls fn with the live record that ref opens, in a transaction that has its row locked. The server ends one whose
// next statement does not come within limit.
func (s *Store) inRow(ctx context.Context, info *tableInfo, ref store.Ref, limit time.Duration,
	fn func(context.Context, pgx.Tx, *store.Record) error) error {
	return s.withLock(ctx, ref.Key, func(lock time.Duration) error {
		return s.do(ctx, ifNotApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
			return inTx(ctx, conn, func(tx pgx.Tx) error {
				if err := s.boundTx(ctx, tx, info, lock, limit); err != nil {
					return err
				}
				r, err := s.lockRow(ctx, tx, info, ref, lock)
				if err != nil {
					return err
				}
				return fn(ctx, tx, &r)
			})
		})
	})
}

// remaining is how long a call has, and at least the store's timeout.
func (s *Store) remaining(ctx context.Context) time.Duration {
	end, _ := ctx.Deadline()
	return max(s.opts.timeout, time.Until(end))
}

// lockRow returns the record that ref opens at a time at which its row is locked: what the statement that locks it has
// read of the clock may be from before it has waited.
func (s *Store) lockRow(ctx context.Context, tx pgx.Tx, info *tableInfo, ref store.Ref, lock time.Duration) (
	store.Record, error) {
	text := s.sql.lock
	if info.distributed && lock == briefLock {
		text += ` nowait` // boundTx has not bounded it
	}
	r, err := readOne(ctx, tx, s.statement(text, uuid(ref.Key), ref.Hash[:]))
	if err != nil {
		return r, err
	}
	if r.Now, err = s.readClock(ctx, tx); err != nil {
		return r, err
	}
	return r, r.Open(ref, r.Now)
}

// Now implements store.Clock with one SELECT.
func (s *Store) Now(ctx context.Context) (now time.Time, err error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		now, err = s.readClock(ctx, conn)
		return err
	})
	return now, failed("reading the clock", err)
}

// readClock returns the database's clock.
func (s *Store) readClock(ctx context.Context, q querier) (now time.Time, err error) {
	sent := time.Now()
	_, err = query(ctx, q, s.statement(`select clock_timestamp()`), func(v [][]byte) error {
		now = readTime(v[0])
		return nil
	})
	if err == nil {
		s.fences.note(sent, now)
	}
	return now, err
}

// writeRow writes a locked row, and sends the event to other processes; both take effect together.
func (s *Store) writeRow(ctx context.Context, tx pgx.Tx, info *tableInfo, r *store.Record, data bool,
	e store.Event) error {
	var text *string
	if data {
		text = nullable(string(r.Data))
	}
	args := append(append([]any{uuid(r.Key)}, rowArgs(r)...), text)
	n, err := s.queryAndNotify(ctx, tx, info, s.statement(s.sql.write, args...), e, func([][]byte) error { return nil })
	if err == nil && n == 0 {
		err = localErrorf("the database does not let the row of session %s be written", r.Key)
	}
	return err
}
