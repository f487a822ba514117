package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// once calls fn with a connection of the pool.
func (s *Store) once(ctx context.Context, again repetition, fn func(context.Context, *pgxpool.Conn) error) error {
	conn, err := s.acquire(ctx)
	if err != nil {
		return &unsent{err}
	}
	defer s.release(conn)
	err = fn(ctx, conn)
	if forgetStale(ctx, conn.Conn(), err) {
		err = fn(ctx, conn)
	}
	switch codeOf(err) {
	case readOnly:
		s.moves.Add(1)
		leave(conn.Conn())
	case notSupported:
		s.site.Store(nil) // the table may have been distributed meanwhile: the next call looks
	}
	if s.isDemoted(conn.Conn()) {
		s.moves.Add(1)
		leave(conn.Conn())
		if err == nil && again == idempotent {
			return errDemoted // what was read there may be of the past
		}
	}
	return err
}

// forgetStale reports whether a statement was refused since the server does not have its prepared form any more, and
// the connection has forgotten all of these. On another connection of the pool the same may happen, for example if its
// AfterRelease discards them.
func forgetStale(ctx context.Context, conn *pgx.Conn, err error) bool {
	if err == nil {
		return false // without the allocation that follows
	}
	var server *pgconn.PgError
	if !errors.As(err, &server) || !isStale(server) || conn.IsClosed() || conn.PgConn().TxStatus() != 'I' {
		return false
	}
	return conn.DeallocateAll(ctx) == nil
}

// cleanupTime is how long a connection that was lost stays in its place in the pool. pgx cleans it up for up to 15 s if
// the server is silent; another one takes its place meanwhile.
const cleanupTime = 250 * time.Millisecond

// release returns a connection to the pool.
func (s *Store) release(conn *pgxpool.Conn) {
	if !conn.Conn().IsClosed() {
		conn.Release()
		s.held.Add(-1)
		return
	}
	go func() {
		defer s.held.Add(-1)
		timer := time.NewTimer(cleanupTime)
		defer timer.Stop()
		select {
		case <-conn.Conn().PgConn().CleanupDone():
			conn.Release()
		case <-timer.C:
			conn.Hijack()
		}
	}()
}

// drop takes a connection out of the pool.
func drop(conn *pgxpool.Conn) {
	raw := conn.Hijack()
	go leave(raw)
}

// leave closes a connection that does not do any more, for at most a second.
func leave(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
}
