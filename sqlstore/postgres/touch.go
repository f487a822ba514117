package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Touch implements session.Store. Its commit is not waited for.
func (s *Store) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	at, err := s.at(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	saved, err := grouped(ctx, s, at.batching, s.touches, ref, s.touchOne)
	return saved, failed("touching a session", err)
}

func (s *Store) touchOne(ctx context.Context, ref store.Ref) (saved store.Saved, err error) {
	at, err := s.at(ctx)
	if err != nil {
		return saved, err
	}
	st := s.statement(at.sql.touch, uuid(ref.Key), ref.Hash[:], idleMillis(ref.Policy), absoluteMillis(ref.Policy),
		stepPart(ref.Policy))
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		n, err := query(ctx, conn, st, func(v [][]byte) error {
			saved = readSaved(v)
			return nil
		})
		if err != nil || n > 0 {
			return err
		}
		r, err := s.glance(ctx, conn, ref)
		if err == nil {
			saved = r.Saved(r.Now)
		}
		return err
	})
	return saved, err
}

// stepPart is the least gain for which a touch writes, as a part of the idle timeout: it holds for rows with a timeout
// of their own too.
func stepPart(p store.Policy) float64 {
	if p.Idle <= 0 {
		return 0
	}
	return float64(p.Step) / float64(p.Idle)
}

func (s *Store) touchMany(ctx context.Context, refs []store.Ref) []batch.Result[store.Saved] {
	results := make([]batch.Result[store.Saved], len(refs))
	saved, err := s.touchTogether(ctx, refs)
	for i, ref := range refs {
		var ok bool
		if results[i].Value, ok = saved[ref.Key]; err != nil || !ok {
			results[i].Err = errAlone
		}
	}
	return results
}

func (s *Store) touchTogether(ctx context.Context, refs []store.Ref) (map[store.Handle]store.Saved, error) {
	ids, hashes := keysOf(refs)
	idle, absolute, step := make([]int64, len(refs)), make([]int64, len(refs)), make([]float64, len(refs))
	for i, ref := range refs {
		idle[i], absolute[i], step[i] = idleMillis(ref.Policy), absoluteMillis(ref.Policy), stepPart(ref.Policy)
	}
	st := s.statement(s.sql.touchMany, ids, hashes, idle, absolute, step)
	saved := make(map[store.Handle]store.Saved, len(refs))
	err := s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		_, err := query(ctx, conn, st, func(v [][]byte) error {
			saved[store.Handle(v[4])] = readSaved(v)
			return nil
		})
		return err
	})
	return saved, err
}

// touchRows is how many rows one statement of TouchAll touches, and touchTime how long it may take.
const (
	touchRows = 500
	touchTime = 30 * time.Second
)

// TouchAll implements store.Toucher.
func (s *Store) TouchAll(ctx context.Context, refs []store.Ref) error {
	at, err := s.at(ctx)
	if err != nil {
		return err
	}
	if at.distributed {
		return s.touchEach(ctx, refs)
	}
	for part := range slices.Chunk(refs, touchRows) {
		bound, cancel := context.WithTimeout(ctx, touchTime)
		_, err := s.touchTogether(bound, part)
		cancel()
		if err != nil {
			return failed("touching sessions", err)
		}
	}
	return nil
}

// touchEach is for distributed tables: a statement with rows of many shards costs more than one for each.
func (s *Store) touchEach(ctx context.Context, refs []store.Ref) error {
	for _, ref := range refs {
		bound, cancel := s.bound(ctx)
		_, err := s.touchOne(bound, ref)
		cancel()
		if err != nil && !errors.Is(err, store.ErrGone) {
			return failed("touching sessions", err)
		}
	}
	return nil
}
