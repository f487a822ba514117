package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// collectorLock keeps a second collector of the table from running beside this one, until unlock; nil where another has
// it.
//
// It is an advisory lock of a transaction that does nothing else, on a connection of its own. A lock of a session
// would stay behind in a pooler's connection; a transaction's ends with it there too, when the process is killed with
// -9 as well. The transaction does not hold vacuum up: in read committed, one that is idle and has written nothing has
// neither a snapshot nor a transaction id.
//
// server is the server's process that holds it: a pooler gives its clients numbers of its own.
func (s *Store) collectorLock(ctx context.Context) (conn *pgx.Conn, server int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime) // of several hosts the first may have gone without a word
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return nil, 0, err
	}
	conn, err = s.dial(ctx, "")
	if err != nil {
		return nil, 0, fmt.Errorf("connecting for the run lock: %w", err)
	}
	const lock = `select pg_try_advisory_xact_lock($1), pg_backend_pid()::bigint`
	got, server, err := tryLock(ctx, conn, s.statement(lock, s.lockKey(at, "collector", "")))
	if err != nil || !got {
		hangUp(conn)
		return nil, 0, err
	}
	return conn, server, nil
}

// unlock waits for the server, which ends a connection that was hung up only some time later.
func unlock(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = conn.Exec(ctx, `rollback`)
	hangUp(conn)
}

func tryLock(ctx context.Context, conn *pgx.Conn, st statement) (got bool, server int64, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return false, 0, err
	}
	_, err = query(ctx, tx, st, func(v [][]byte) error {
		got, server = isTrue(v[0]), readInt(v[1])
		return nil
	})
	if err != nil || !got {
		return false, 0, err
	}
	// This also ends the portal of the query, which would keep its snapshot until the transaction's end.
	_, err = tx.Exec(ctx, `set local idle_in_transaction_session_timeout = 0`)
	return err == nil, server, err
}
