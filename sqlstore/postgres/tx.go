package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// inTx runs fn in a transaction. Read committed, whatever the database's default: each statement is to see what was
// committed while an earlier one waited for a lock.
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
