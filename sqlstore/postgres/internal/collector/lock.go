package collector

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// lock keeps a second run from working on the table at the same time.
//
// It is an advisory lock of a transaction that does nothing else, on a connection of its own. A lock of a session
// would stay behind in a pooler's connection; a transaction's ends with it there too, when the process is killed with
// -9 as well. The transaction does not hold vacuum up: in read committed, one that is idle and has written nothing has
// neither a snapshot nor a transaction id.
type lock struct {
	conn   *pgx.Conn
	server int64 // the server's process that holds it: a pooler gives its clients numbers of its own
}

// lockRun returns nil if another run has the lock.
func lockRun(ctx context.Context, c Config) (*lock, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTime) // of several hosts the first may have gone without a word
	defer cancel()
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connecting for the run lock: %w", err)
	}
	l := &lock{conn: conn}
	got, err := l.try(ctx, c)
	if err != nil || !got {
		l.release()
		return nil, err
	}
	return l, nil
}

func (l *lock) try(ctx context.Context, c Config) (got bool, err error) {
	tx, err := l.conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return false, err
	}
	const sql = `select pg_try_advisory_xact_lock($1), pg_backend_pid()::bigint`
	if err := tx.QueryRow(ctx, sql, c.Mode, c.LockKey).Scan(&got, &l.server); err != nil || !got {
		return false, err
	}
	// This also ends the portal of the query, which would keep its snapshot until the transaction's end.
	_, err = tx.Exec(ctx, `set local idle_in_transaction_session_timeout = 0`)
	return err == nil, err
}

// release waits for the server, which ends a connection that was hung up only some time later.
func (l *lock) release() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = l.conn.Exec(ctx, `rollback`)
	_ = l.conn.Close(ctx)
	select {
	case <-l.conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}
