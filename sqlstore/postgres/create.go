package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.tableInfo(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	r, err := store.NewRecord(ref, change, time.Unix(0, 0)) // the database's clock decides, and replaces this one
	if err != nil {
		if _, exists := s.existing(ctx, ref.Key); exists == nil {
			err = store.ErrExists
		}
		return store.Saved{}, err
	}
	saved, err := s.create(ctx, info, ref, &r)
	if err == nil {
		s.announceRevoked(saved.Ended)
	}
	return saved, failed("creating a session", err)
}

func (s *Store) create(ctx context.Context, info *tableInfo, ref store.Ref, r *store.Record) (
	saved store.Saved, err error) {
	if ref.Policy.Owner.Applies("", r.Owner) {
		err = s.withLock(ctx, s.ownerPlace(info, ref.Policy.Realm, r.Owner), func(lock time.Duration) (err error) {
			saved, err = s.insert(ctx, r, func(ctx context.Context, conn *pgxpool.Conn) (store.Saved, error) {
				return s.insertWithinLimit(ctx, conn, info, ref, r, lock)
			})
			return err
		})
	} else {
		saved, err = s.insert(ctx, r, func(ctx context.Context, conn *pgxpool.Conn) (store.Saved, error) {
			return s.insertAlone(ctx, conn, r)
		})
	}
	return saved, err
}

// insert calls attempt until it has inserted the row. If the answer was lost, it does so no more: the row may have been
// there, and others may have ended the session since. It then looks for the row, once the attempt can no longer bring it.
func (s *Store) insert(ctx context.Context, r *store.Record,
	attempt func(context.Context, *pgxpool.Conn) (store.Saved, error)) (saved store.Saved, err error) {
	err = s.do(ctx, ifNotApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		saved, err = attempt(ctx, conn)
		if err == errFenced {
			_, _ = s.readClock(ctx, conn) // the next attempt has a fence by it
		}
		return err
	})
	if err == nil || ctx.Err() != nil || !outcomeUnknown(err) {
		return saved, err
	}
	if found, missing := s.existing(ctx, r.Key); missing == nil && found.Hash == r.Hash {
		return found.Saved(found.Now), nil
	}
	return saved, err
}

// existing returns the row of that key without its data, whatever its secret is; ErrGone if there is none.
func (s *Store) existing(ctx context.Context, key store.Handle) (found store.Record, err error) {
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		found, err = readOne(ctx, conn, s.statement(s.sql.meta, uuid(key)))
		return err
	})
	return found, err
}

// insertAlone inserts the row in a statement of its own.
func (s *Store) insertAlone(ctx context.Context, q querier, r *store.Record) (saved store.Saved, err error) {
	f := s.fences.next()
	err = s.fenced(ctx, f, []store.Handle{r.Key}, func(ctx context.Context) (err error) {
		saved, err = s.insertFenced(ctx, q, r, f)
		return err
	})
	return saved, err
}

// insertWithinLimit inserts the row in a transaction in which its owner has room for it. The server ends a transaction
// whose commit does not come in time.
func (s *Store) insertWithinLimit(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, ref store.Ref,
	r *store.Record, lock time.Duration) (saved store.Saved, err error) {
	var f fence
	err = inTx(ctx, conn, func(tx pgx.Tx) error {
		if err := s.boundTx(ctx, tx, info, lock, s.fences.window); err != nil {
			return err
		}
		ended, refused := s.makeRoom(ctx, tx, info, ref, r.Owner)
		if refused != nil && !errors.Is(refused, store.ErrOwnerLimit) {
			return refused
		}
		f = s.fences.next().later(s.fences.window)
		if saved, err = s.insertFenced(ctx, tx, r, f); err == nil {
			err = refused
		}
		saved.Ended = ended
		return err
	})
	s.fences.ended(ctx, f, err, r.Key)
	return saved, err
}

func (s *Store) insertFenced(ctx context.Context, q querier, r *store.Record, f fence) (saved store.Saved, err error) {
	st := s.statement(s.sql.insert, uuid(r.Key), r.Hash[:], f.end, r.ExpiresAt.Sub(r.CreatedAt).Milliseconds(),
		nullable(r.Realm), nullable(r.Owner), nullable(r.Tag), ownMillis(r.Timeouts.Idle), ownMillis(r.Timeouts.Absolute),
		nullable(int16(r.Persistence)), !r.AuthenticatedAt.IsZero(), !r.RotatedAt.IsZero(), joined(r.Former),
		nullableBytes(r.Device), string(r.Data))
	n, err := query(ctx, q, st, func(v [][]byte) error {
		saved = readSaved(v)
		return nil
	})
	switch {
	case isFenced(err):
		err = errFenced
	case err == nil && n == 0:
		err = store.ErrExists
	case err == nil:
		s.fences.note(f.sent, saved.Now)
	}
	return saved, err
}

// isFenced reports whether the database refused a row because it came after its fence.
func isFenced(err error) bool {
	const notNullViolation = "23502"
	var server *pgconn.PgError
	return errors.As(err, &server) && server.Code == notNullViolation && server.ColumnName == "version"
}
