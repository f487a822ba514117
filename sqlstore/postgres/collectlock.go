package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// collectorLock keeps a second collector of the table from running beside this one; release is nil where another has
// it.
//
// It is an advisory lock of a transaction that does nothing else, on a connection of its own. A lock of a session
// would stay behind in a pooler's connection; a transaction's ends with it there too, when the process is killed with
// -9 as well. The transaction does not hold vacuum up: in read committed, one that is idle and has written nothing has
// neither a snapshot nor a transaction id.
func (s *Store) collectorLock(ctx context.Context) (release func(), err error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := s.dial(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("connecting for the run lock: %w", err)
	}
	got, err := tryLock(ctx, conn, s.statement(`select pg_try_advisory_xact_lock($1)`, s.lockKey(at, "collector", "")))
	if err != nil || !got {
		hangUp(conn)
		return nil, err
	}
	return func() { hangUp(conn) }, nil
}

func tryLock(ctx context.Context, conn *pgx.Conn, st statement) (got bool, err error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return false, err
	}
	_, err = query(ctx, tx, st, func(v [][]byte) error {
		got = isTrue(v[0])
		return nil
	})
	if err != nil || !got {
		return false, err
	}
	// This also ends the portal of the query, which would keep its snapshot until the transaction's end.
	_, err = tx.Exec(ctx, `set local idle_in_transaction_session_timeout = 0`)
	return err == nil, err
}
