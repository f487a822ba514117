package postgres

import (
	"context"
	"errors"
	"fmt"
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
		leave(conn.Conn())
	case notSupported:
		s.site.Store(nil) // the table may have been distributed meanwhile: the next call looks
	}
	if s.isDemoted(conn.Conn()) {
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
	var server *pgconn.PgError
	if err == nil || !errors.As(err, &server) || !isStale(server) || conn.IsClosed() || conn.PgConn().TxStatus() != 'I' {
		return false
	}
	return conn.DeallocateAll(ctx) == nil
}

// ErrPoolExhausted is returned when all connections of a pool that the store shares are in use by others: by
// transactions that handlers hold, for example, while they wait for a session. A pool of the store's own, as Open makes
// it, is never exhausted by others.
var ErrPoolExhausted = errors.New("all connections of the pool are in use by others than the session store, " +
	"which should have a pool of its own")

// acquire takes a connection from the pool.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	waiting := ctx
	if s.exhausted() {
		guarded, done := s.guard(ctx)
		defer done()
		waiting = guarded
	}
	for {
		conn, err := s.take(waiting)
		switch {
		case err == nil && s.answers(ctx, conn):
			s.held.Add(1)
			return conn, nil
		case err == nil:
			continue
		case waiting.Err() != nil && s.exhausted():
			return nil, fmt.Errorf("%w: %w", ErrPoolExhausted, err)
		}
		return nil, err
	}
}

// take takes a connection from the pool. A hook that panics, for want of what a request's context carries, fails the call
// and not the process, which has calls that belong to no request.
func (s *Store) take(ctx context.Context) (conn *pgxpool.Conn, err error) {
	if s.hooked {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("a hook of the pool has panicked, for a context without what it insists on?: %v", p)
			}
		}()
	}
	return s.pool.Acquire(ctx)
}

// exhaustedAfter is how long a call waits for a connection while others have all of the pool.
const exhaustedAfter = time.Second

// guard returns a context that ends with ctx, or when others have had all of the pool for a while.
func (s *Store) guard(ctx context.Context) (guarded context.Context, done func()) {
	guarded, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(exhaustedAfter, func() {
		if s.exhausted() {
			cancel()
		}
	})
	return guarded, func() {
		timer.Stop()
		cancel()
	}
}

// exhausted reports whether others have all of the pool's connections.
func (s *Store) exhausted() bool {
	if s.held.Load() > 0 {
		return false
	}
	stat := s.pool.Stat()
	return stat.AcquiredConns() == stat.MaxConns()
}

// cleanupTime is how long a connection that was lost stays in its place in the pool. pgx cleans it up for up to 15 s if
// the server is silent; another one takes its place meanwhile.
const cleanupTime = 250 * time.Millisecond

// release gives a connection back to the pool.
func (s *Store) release(conn *pgxpool.Conn) {
	s.held.Add(-1)
	if !conn.Conn().IsClosed() {
		conn.Release()
		return
	}
	go func() {
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

// idleKey marks a connection that has been idle for long, in what pgx keeps beside it.
const idleKey = "github.com/simples-go/sessions: idle"

// idleTime is how long a connection has to be idle to be tried before it is used.
const idleTime = time.Second

// markIdle leaves it to answers to try idle connections: if the server is silent, pgx would keep the place of each in
// the pool for 15 s.
func markIdle(_ context.Context, p pgxpool.ShouldPingParams) bool {
	p.Conn.PgConn().CustomData()[idleKey] = p.IdleDuration > idleTime
	return false
}

// answers reports whether a connection may be used. If one that was idle does not answer, the others that are idle are
// left along with it: each of them would take as long to find out.
func (s *Store) answers(ctx context.Context, conn *pgxpool.Conn) bool {
	if idle, _ := conn.Conn().PgConn().CustomData()[idleKey].(bool); !idle {
		return true
	}
	bound, cancel := context.WithTimeout(ctx, s.pingTime)
	defer cancel()
	if conn.Conn().Ping(bound) == nil {
		return true
	}
	silent := bound.Err() != nil
	drop(conn)
	if silent && ctx.Err() == nil {
		for _, idle := range s.pool.AcquireAllIdle(ctx) {
			drop(idle)
		}
	}
	return false
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
