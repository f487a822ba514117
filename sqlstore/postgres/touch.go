package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Touch implements store.Store. It does not wait until the commit is on disk.
func (s *Store) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	info, err := s.tableInfo(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	inLock := func(ctx context.Context, ref store.Ref) (store.Saved, error) { return s.touchInLock(ctx, info, ref) }
	var saved store.Saved
	if info.distributed {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		saved, err = inLock(ctx, ref)
	} else {
		saved, err = grouped(ctx, s, info.batching, s.touches, ref, s.touchOne, inLock)
	}
	return saved, failed("touching a session", err)
}

func (s *Store) touchOne(ctx context.Context, ref store.Ref) (saved store.Saved, err error) {
	old, err := s.existing(ctx, ref.Key)
	if err == nil {
		err = old.Open(ref, old.Now)
	}
	if err != nil {
		return saved, err
	}
	next := old
	if !next.Touch(ref.Policy, next.Now) {
		return old.Saved(old.Now), nil
	}
	st := s.statement(s.sql.touchOne, uuid(ref.Key), ref.Hash[:], old.AccessedAt, old.ExpiresAt, next.AccessedAt,
		next.ExpiresAt)
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		n, err := query(ctx, conn, st, func([][]byte) error { return nil })
		if err != nil && isRefusal(err) || err == nil && n == 0 {
			return errUnserved
		}
		return err
	})
	return next.Saved(next.Now), err
}

// touchMany reads the rows, lets store.Record decide what becomes of them, and writes that into those that have not
// changed meanwhile. The others are left to the callers, each of which then locks its row.
func (s *Store) touchMany(ctx context.Context, refs []store.Ref) []batch.Result[store.Saved] {
	results := make([]batch.Result[store.Saved], len(refs))
	keys, places := make([]store.Handle, len(refs)), make(map[store.Handle]int, len(refs))
	for i := range refs {
		keys[i], places[refs[i].Key] = refs[i].Key, i
	}
	rows, err := s.inspect(ctx, keys)
	if err != nil {
		failAll(results, err)
		return results
	}
	failAll(results, store.ErrGone)
	var due touches
	for _, r := range rows {
		i := places[r.Key]
		results[i].Err = r.Open(refs[i], r.Now)
		if old := r; results[i].Err == nil && r.Touch(refs[i].Policy, r.Now) {
			due.add(&old, &r)
			results[i].Err = errUnserved
		}
		results[i].Value = r.Saved(r.Now)
	}
	if len(due.ids) == 0 {
		return results
	}
	if err := s.writeTouches(ctx, due, func(key store.Handle) { results[places[key]].Err = nil }); err != nil {
		failAll(results, errUnserved)
	}
	return results
}

// touches are the arguments of touchManyText.
type touches struct {
	ids                                          []pgtype.UUID
	hashes                                       [][]byte
	accessed, expires, nextAccessed, nextExpires []time.Time
}

func (t *touches) add(old, next *store.Record) {
	t.ids, t.hashes = append(t.ids, uuid(old.Key)), append(t.hashes, slices.Clone(old.Hash[:]))
	t.accessed, t.expires = append(t.accessed, old.AccessedAt), append(t.expires, old.ExpiresAt)
	t.nextAccessed, t.nextExpires = append(t.nextAccessed, next.AccessedAt), append(t.nextExpires, next.ExpiresAt)
}

func (s *Store) writeTouches(ctx context.Context, t touches, written func(store.Handle)) error {
	st := s.statement(s.sql.touchMany, t.ids, t.hashes, t.accessed, t.expires, t.nextAccessed, t.nextExpires)
	return s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := query(ctx, conn, st, func(v [][]byte) error {
			written(store.Handle(v[savedCount]))
			return nil
		})
		return err
	})
}

// touchInLock touches the row while it is locked.
func (s *Store) touchInLock(ctx context.Context, info *tableInfo, ref store.Ref) (saved store.Saved, err error) {
	err = s.inRow(ctx, info, ref, s.fences.window, func(ctx context.Context, tx pgx.Tx, r *store.Record) error {
		touched := r.Touch(ref.Policy, r.Now)
		saved = r.Saved(r.Now)
		if !touched {
			return nil
		}
		return s.writeRow(ctx, tx, info, r, false, store.Event{})
	})
	return saved, err
}

// touchRows is how many rows one statement of TouchAll touches, and touchTime how long it may take.
const (
	touchRows = 500
	touchTime = 30 * time.Second
)

// TouchAll implements store.Toucher. Rows that somebody else has locked are passed over.
func (s *Store) TouchAll(ctx context.Context, refs []store.Ref) error {
	info, err := s.tableInfo(ctx)
	if err != nil {
		return err
	}
	size := touchRows
	if info.distributed {
		size = 1 // a statement with rows of many shards costs more than one for each
	}
	for part := range slices.Chunk(refs, size) {
		if err := s.touchPart(ctx, info, part); err != nil {
			return failed("touching sessions", err)
		}
	}
	return nil
}

func (s *Store) touchPart(ctx context.Context, info *tableInfo, refs []store.Ref) (err error) {
	ctx, cancel := context.WithTimeout(ctx, touchTime)
	defer cancel()
	if info.distributed {
		_, err = s.touchInLock(ctx, info, refs[0])
		if errors.Is(err, store.ErrGone) {
			err = nil
		}
		return err
	}
	for _, result := range s.touchMany(ctx, refs) {
		if result.Err != nil && result.Err != errUnserved && !errors.Is(result.Err, store.ErrGone) {
			return result.Err
		}
	}
	return ctx.Err()
}
