package postgres

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/simples-go/sessions/session/store"
)

// How long listen waits before it connects again: doubling, half of it at random.
const (
	shortestRetry = 100 * time.Millisecond
	longestRetry  = 10 * time.Second
)

// listen passes the database's notifications on until ctx ends, whatever happens to the connection.
func (s *Store) listen(ctx context.Context) {
	if s.opts.noListen {
		return
	}
	wait, level := shortestRetry, slog.LevelWarn
	for ctx.Err() == nil {
		heard, err := s.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			wait, level = shortestRetry, slog.LevelWarn
		}
		s.opts.logger.Log(ctx, level, "sessions: no notifications from the database, polling only until they are back",
			"error", err, "retry_in", wait.String())
		level = slog.LevelDebug // said once for each time that they are lost
		sleep(ctx, wait/2+rand.N(wait/2))
		wait = min(2*wait, longestRetry)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// listenOnce listens on a new connection until that fails; heard says whether it ever worked.
func (s *Store) listenOnce(ctx context.Context) (heard bool, err error) {
	bound, cancel := context.WithTimeout(ctx, s.opts.timeout)
	defer cancel()
	at, err := s.at(bound)
	if err != nil {
		return false, err
	}
	conn, err := s.dial(bound, s.opts.listenURL)
	if err != nil {
		return false, err
	}
	defer hangUp(conn)
	if _, err := conn.Exec(bound, "listen "+pgx.Identifier{at.channel}.Sanitize()); err != nil {
		return false, err
	}
	if err := s.hearsItself(bound, conn, at); err != nil {
		return false, err
	}
	s.events.Send(store.Event{Kind: store.Missed})
	return true, s.hear(ctx, conn)
}

// hearsItself tries whether a notification that the pool sends arrives here. Through a pooler in transaction mode, or
// from another database than the pool's, none ever would, and nothing else would show it.
func (s *Store) hearsItself(ctx context.Context, conn *pgx.Conn, at *site) error {
	mark := "?" + s.node
	if err := s.notify(ctx, s.pool, at, mark); err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return localErrorf("notifications of the pool do not arrive at the listening connection: is there a pooler?")
		case err != nil:
			return err
		case n.Payload == mark:
			return nil
		}
	}
}

// hear passes notifications on. A connection that is silent for an interval is asked for an answer, so that one that
// died without a word is found out.
func (s *Store) hear(ctx context.Context, conn *pgx.Conn) error {
	for {
		n, err := s.next(ctx, conn)
		switch {
		case err != nil:
			return err
		case n != nil:
			s.pass(n.Payload)
			continue
		}
		bound, cancel := context.WithTimeout(ctx, s.opts.pingTimeout)
		_, err = conn.Exec(bound, "select 1")
		cancel()
		if err != nil {
			return err
		}
	}
}

// next waits for a notification; nil where none came for an interval.
func (s *Store) next(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	bound, cancel := context.WithTimeout(ctx, s.opts.pingInterval)
	defer cancel()
	n, err := conn.WaitForNotification(bound)
	if err != nil && ctx.Err() == nil && bound.Err() != nil && !conn.IsClosed() {
		return nil, nil
	}
	return n, err
}

// pass tells of an event in another process. This one's own have been told already.
func (s *Store) pass(payload string) {
	if e, node, ok := readPayload(payload); ok && node != s.node {
		s.events.Send(e)
	}
}

// dial makes a connection outside of the pool: as the pool does, or to a URL.
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
	return pgx.ConnectConfig(ctx, config)
}

func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}
