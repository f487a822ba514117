package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

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
		conn, err := s.acquireSafely(waiting)
		switch {
		case err == nil && s.answers(ctx, conn):
			s.held.Add(1)
			return conn, nil
		case err == nil:
			continue
		case waiting.Err() != nil && s.exhausted():
			return nil, fmt.Errorf("%w: %w", ErrPoolExhausted, err)
		case ctx.Err() == nil:
			s.hosts.resetSilent()
		}
		return nil, err
	}
}

// acquireSafely is pool.Acquire. If a hook panics, because a context lacks what a request's context carries, the call
// fails and not the process: some calls belong to no request.
func (s *Store) acquireSafely(ctx context.Context) (conn *pgxpool.Conn, err error) {
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

// exhausted reports whether others have all of the pool's connections. A pool of the store's own has no others.
func (s *Store) exhausted() bool {
	if s.ownPool || s.held.Load() > 0 {
		return false
	}
	stat := s.pool.Stat()
	return stat.AcquiredConns() == stat.MaxConns()
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

// movesKey holds the store's count of moves when a connection was last taken, in what pgx keeps beside it.
const movesKey = "github.com/simples-go/sessions: moves"

// needsPing reports whether a connection was idle for long, or is from before a server turned out to have been demoted,
// or to be silent. All of a pool's connections may be to that one, more than a call has attempts.
func (s *Store) needsPing(conn *pgxpool.Conn) bool {
	data, moves := conn.Conn().PgConn().CustomData(), s.moves.Load()+s.hosts.abandoned()
	seen, known := data[movesKey].(uint64)
	if !known || seen != moves {
		data[movesKey] = moves
	}
	idle, _ := data[idleKey].(bool)
	return idle || known && seen != moves
}

// answers reports whether a connection may be used. If one that was idle does not answer, the others that are idle are
// dropped with it: each of them would take as long to find out.
func (s *Store) answers(ctx context.Context, conn *pgxpool.Conn) bool {
	if !s.needsPing(conn) {
		return true
	}
	bound, cancel := context.WithTimeout(ctx, s.pingTime)
	defer cancel()
	if conn.Conn().Ping(bound) == nil && !s.isDemoted(conn.Conn()) {
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
