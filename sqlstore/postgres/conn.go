package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/pgurl"
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
		closeConn(conn.Conn())
	case notSupported:
		s.info.Store(nil) // the table may have been distributed meanwhile: the next call looks
	}
	if s.isDemoted(conn.Conn()) {
		s.moves.Add(1)
		closeConn(conn.Conn())
		if err == nil && again == evenIfApplied {
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

// dial makes a connection outside of the pool: as the pool does, or to a URL. It has time for each of several servers,
// since the first may be silent.
func (s *Store) dial(ctx context.Context, url string) (*pgx.Conn, error) {
	pool := s.pool.Config()
	config := pool.ConnConfig
	if url != "" {
		parsed, err := parseURL(url)
		if err != nil {
			return nil, err
		}
		config = parsed.ConnConfig
	} else if pool.BeforeConnect != nil {
		if err := pool.BeforeConnect(ctx, config); err != nil {
			return nil, err
		}
	}
	if config.ConnectTimeout <= 0 {
		config.ConnectTimeout = pgurl.ConnectTimeout
	}
	return pgx.ConnectConfig(ctx, config)
}

// drop takes a connection out of the pool.
func drop(conn *pgxpool.Conn) {
	raw := conn.Hijack()
	go closeConn(raw)
}

// closeTime is how long closing a connection may take.
const closeTime = time.Second

// closeConn closes a connection that is of no use any more.
func closeConn(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	_ = conn.Close(ctx)
}

// closeAndWait is closeConn that also waits for pgx, which may be closing the connection already.
func closeAndWait(conn *pgx.Conn) {
	closeConn(conn)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-time.After(closeTime):
	}
}
