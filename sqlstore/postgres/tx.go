package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// inTx runs fn in a transaction. It is read committed, whatever the database's default: each statement has to see what
// was committed while an earlier one waited for a lock.
func inTx(ctx context.Context, conn *pgxpool.Conn, fn func(pgx.Tx) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	if err := fn(tx); err != nil {
		return err
	}
	if conn.Conn().IsClosed() {
		return &unsent{pgconn.ErrConnClosed}
	}
	if err := tx.Commit(ctx); err != nil {
		return &sent{err}
	}
	return nil
}

// sent is an error of a commit. Of one whose answer was lost, pgx says that the connection was closed and that it is
// safe to try again.
type sent struct{ err error }

func (e *sent) Error() string     { return e.err.Error() }
func (e *sent) Unwrap() error     { return e.err }
func (e *sent) SafeToRetry() bool { return false }

const boundTx = `select set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true)`

// boundTx bounds a transaction in time at the server: how long it waits for a lock, and how long for the next statement
// of a client that may be gone. A distributed table is not bound, since the settings hold for one of its servers only.
func (s *Store) boundTx(ctx context.Context, tx pgx.Tx, info *tableInfo, lock, idle time.Duration) error {
	if info.distributed {
		return nil
	}
	_, err := query(ctx, tx, s.statement(boundTx, millisText(lock), millisText(idle)), func([][]byte) error { return nil })
	return err
}

// millisText is a duration as a setting of Postgres takes it; 0, which means without end, only for 0.
func millisText(d time.Duration) string {
	if d > 0 {
		d = max(d, time.Millisecond)
	}
	return strconv.FormatInt(d.Milliseconds(), 10)
}
