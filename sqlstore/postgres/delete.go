package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.tableInfo(ctx)
	if err != nil {
		return err
	}
	if err := s.fences.pending.wait(ctx, ref.Key); err != nil {
		return failed("deleting a session after a write whose outcome is open", err)
	}
	live := false // also if an earlier attempt, whose answer was lost, may have deleted it
	err = s.withLock(ctx, ref.Key, func(lock time.Duration) error {
		return s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
			found, err := s.deleteOn(ctx, conn, info, ref, lock)
			live = live || found || err != nil && outcomeUnknown(err)
			return err
		})
	})
	if live && err == nil {
		s.announce(store.Event{Kind: store.Destroyed, Key: ref.Key})
	}
	return failed("deleting a session", err)
}

// deletions is how often a row is deleted that stays: it may have come after the statement, or the database keeps it.
const deletions = 3

func (s *Store) deleteOn(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, ref store.Ref, lock time.Duration) (
	live bool, err error) {
	for range deletions {
		n := 0
		if info.distributed {
			n, live, err = s.deleteInTx(ctx, conn, info, ref, lock)
		} else {
			n, live, err = s.deleteRow(ctx, conn, info, ref, lock)
		}
		if err != nil || n > 0 {
			return live, err
		}
		if kept, err := s.kept(ctx, conn, ref); !kept {
			return false, err
		}
		if _, err := s.readClock(ctx, conn); err != nil { // the next attempt has a fence by it
			return false, err
		}
	}
	return false, keptError(1)
}

// deleteRow deletes the row, in as long as it takes to wait for its lock.
func (s *Store) deleteRow(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, ref store.Ref, lock time.Duration) (
	n int, live bool, err error) {
	f := s.fences.next().later(lock)
	st := s.statement(s.sql.destroy, uuid(ref.Key), ref.Hash[:], f.end, millisText(lock))
	e := store.Event{Kind: store.Destroyed, Key: ref.Key}
	err = s.fenced(ctx, f, []store.Handle{ref.Key}, func(ctx context.Context) (err error) {
		n, err = s.queryAndNotify(ctx, conn, info, st, e, func(v [][]byte) error {
			live = isTrue(v[1])
			return nil
		})
		return err
	})
	return n, live, err
}

// deleteInTx is deleteRow for a distributed table.
func (s *Store) deleteInTx(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, ref store.Ref,
	lock time.Duration) (n int, live bool, err error) {
	err = inTx(ctx, conn, func(tx pgx.Tx) error {
		r, err := s.lockRow(ctx, tx, info, ref, lock)
		live = err == nil
		if err != nil && !isSession(err) {
			return err
		}
		if err != nil && !(errors.Is(err, store.ErrExpired) && r.Hash == ref.Hash) {
			return nil // kept says why
		}
		e := store.Event{Kind: store.Destroyed, Key: ref.Key}
		n, err = s.queryAndNotify(ctx, tx, info, s.statement(s.sql.remove, uuid(ref.Key)), e,
			func([][]byte) error { return nil })
		return err
	})
	return n, live, err
}

// kept reports whether the row that ref names is there. It returns ErrRotated if it has been rotated.
func (s *Store) kept(ctx context.Context, q querier, ref store.Ref) (bool, error) {
	r, err := readOne(ctx, q, s.statement(s.sql.meta, uuid(ref.Key)))
	switch {
	case err == store.ErrGone:
		return false, nil
	case err != nil:
		return false, err
	case r.Hash == ref.Hash:
		return true, nil
	case r.Open(ref, r.Now) == store.ErrRotated:
		return false, store.ErrRotated
	}
	return false, nil
}
