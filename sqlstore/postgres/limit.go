package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// limited reports whether a change may be refused for its owner's other sessions.
func limited(ref store.Ref, c *store.Change) bool {
	return c.Owner != nil && *c.Owner != "" && ref.Policy.Owner.Max > 0
}

// joining is a change that gives a session its owner.
type joining struct {
	ref   store.Ref
	owner string
	write func(context.Context, querier) (store.Saved, error)
	look  func(context.Context, querier) error // says what else than the owner's other sessions speaks against it
}

// withinLimit makes the change in a transaction in which the owner has room for the session.
func (s *Store) withinLimit(ctx context.Context, at *site, j joining) (saved store.Saved, err error) {
	err = s.write(ctx, []store.Handle{j.ref.Key}, func(ctx context.Context, conn *pgxpool.Conn) error {
		return inTx(ctx, conn, func(tx pgx.Tx) error {
			saved, err = s.limitIn(ctx, tx, at, j)
			return err
		})
	})
	if err != nil {
		return store.Saved{}, err
	}
	s.announceRevoked(saved.Ended)
	return saved, nil
}

const lockOwner = `select pg_advisory_xact_lock($1)`

// limitIn makes room and writes. The owner's lock lets one such transaction at a time count and write; who waits for
// it sees what the one before has committed. The limit is the answer where nothing else speaks against the change.
func (s *Store) limitIn(ctx context.Context, tx pgx.Tx, at *site, j joining) (saved store.Saved, err error) {
	_, err = query(ctx, tx, s.statement(lockOwner, s.lockKey(at, "owner", j.owner)), func([][]byte) error { return nil })
	if err != nil {
		return saved, err
	}
	ended, err := s.makeRoom(ctx, tx, at, j.ref, j.owner)
	if errors.Is(err, store.ErrOwnerLimit) {
		return saved, cmp.Or(j.look(ctx, tx), err)
	}
	if err != nil {
		return saved, err
	}
	saved, err = j.write(ctx, tx)
	saved.Ended = ended
	return saved, err
}

// makeRoom ends as many of the owner's other sessions as the limit asks for.
func (s *Store) makeRoom(ctx context.Context, tx pgx.Tx, at *site, ref store.Ref, owner string) (
	[]store.Handle, error) {
	limit := ref.Policy.Owner
	others, err := readAll(ctx, tx, s.statement(s.sql.owned, owner, absoluteMillis(ref.Policy)))
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(others, func(r store.Record) bool { return r.Key == ref.Key }) {
		return nil, nil // it is the owner's already
	}
	excess := len(others) + 1 - limit.Max
	switch {
	case excess <= 0:
		return nil, nil
	case !limit.EndOldest:
		return nil, fmt.Errorf("%w: %d of %d", store.ErrOwnerLimit, len(others), limit.Max)
	}
	oldest := make([]store.Handle, 0, excess)
	for _, r := range others[len(others)-excess:] {
		oldest = append(oldest, r.Key)
	}
	return s.revokeIn(ctx, tx, at, ref.Key, oldest)
}

// revokeIn deletes sessions within a transaction that will change another one. All these rows are locked in one order
// first.
func (s *Store) revokeIn(ctx context.Context, tx pgx.Tx, at *site, own store.Handle, keys []store.Handle) (
	[]store.Handle, error) {
	if !at.distributed {
		st := s.statement(s.sql.lockMany, uuids(append(slices.Clone(keys), own)))
		if _, err := query(ctx, tx, st, func([][]byte) error { return nil }); err != nil {
			return nil, err
		}
	}
	var ended ending
	_, err := query(ctx, tx, s.statement(at.sql.revokeIDs, uuids(keys)), ended.read)
	if err != nil {
		return nil, err
	}
	return ended.keys, s.notify(ctx, tx, at, s.payloads(ended.live)...)
}
