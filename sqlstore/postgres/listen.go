package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/pgurl"
	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// reconnecting is how long listen waits before it connects again.
var reconnecting = retry.Backoff{First: 75 * time.Millisecond, Most: 7500 * time.Millisecond}

// listen passes on the database's notifications until ctx ends, whatever happens to the connection.
func (s *Store) listen(ctx context.Context) {
	if s.opts.noListen {
		return
	}
	attempt, level := 1, slog.LevelWarn
	for ctx.Err() == nil {
		heard, err := s.listenSafely(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			attempt, level = 1, slog.LevelWarn
		}
		wait := reconnecting.Before(attempt)
		s.opts.logger.Log(ctx, level, "sessions: no notifications from the database, polling only until they are back",
			"error", err, "retry_in", wait.String())
		level = slog.LevelDebug // said once for each time that they are lost
		attempt++
		_ = retry.Sleep(ctx, wait)
	}
}

// listenSafely is listenOnce. A hook of the pool that panics ends the attempt and not the process.
func (s *Store) listenSafely(ctx context.Context) (heard bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while connecting: %v", p)
		}
	}()
	return s.listenOnce(ctx)
}

// errUnnamed is the error of listening on a pool whose hook may lead each caller to another table.
var errUnnamed = localErrorf("the pool has a hook that sees the context of each call, and nobody's call is to listen: " +
	"name the table's schema (WithSchema), give the store a pool of its own, or use WithoutListen")

// listenOnce listens on a new connection until that fails; heard says whether it ever worked.
func (s *Store) listenOnce(ctx context.Context) (heard bool, err error) {
	if s.hooked && s.opts.schema == "" {
		return false, errUnnamed
	}
	conn, err := s.dial(ctx, s.opts.listenURL)
	if err != nil {
		return false, err
	}
	defer hangUp(conn)
	if err := s.subscribe(ctx, conn); err != nil {
		return false, err
	}
	s.events.Send(store.Event{Kind: store.Missed})
	return true, s.hear(ctx, conn)
}

// subscribe has the server send notifications. With a hook in the pool, none of its connections is used.
func (s *Store) subscribe(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, s.opts.timeout)
	defer cancel()
	if err := isDirect(ctx, conn); err != nil {
		return err
	}
	if s.isDemoted(conn) {
		return errDemoted
	}
	at, err := s.tableOn(ctx, conn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "listen "+pgx.Identifier{at.channel}.Sanitize())
	if err != nil || s.hooked {
		return err
	}
	return s.hearsItself(ctx, conn, at)
}

func (s *Store) tableOn(ctx context.Context, conn *pgx.Conn) (*site, error) {
	if !s.hooked {
		return s.at(ctx)
	}
	found := new(site)
	return found, s.look(ctx, conn, found)
}

// errPooler is the error of a connection that goes through a pooler. LISTEN there would leave a listening connection in
// the pooler, which others would then get.
var errPooler = localErrorf("there is a pooler between the store and the database, which does not pass notifications on: " +
	"give WithListenURL the URL of the database itself, or use WithoutListen")

// isDirect fails if a pooler is in the way: the process that answers is then not the one whose number the connection
// got when it was made, since a pooler has numbers of its own.
func isDirect(ctx context.Context, conn *pgx.Conn) error {
	var process uint32
	err := conn.QueryRow(ctx, "select pg_backend_pid()", pgx.QueryExecModeExec).Scan(&process)
	if err == nil && process != conn.PgConn().PID() {
		err = errPooler
	}
	return err
}

// hearsItself checks that a notification which the pool sends arrives here. If this connection leads to another
// database than the pool's, or to another server of a cluster, none ever arrives, and nothing else would show that.
func (s *Store) hearsItself(ctx context.Context, conn *pgx.Conn, at *site) error {
	mark := "?" + s.node
	err := s.do(ctx, idempotent, func(ctx context.Context, pooled *pgxpool.Conn) error {
		return s.notify(ctx, pooled, at, mark)
	})
	if err != nil {
		return err
	}
	for {
		n, err := conn.WaitForNotification(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return localErrorf("notifications of the pool do not arrive at the listening connection: " +
				"is it one to another server, or to another database?")
		case err != nil:
			return err
		case n.Payload == mark:
			return nil
		}
	}
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

func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}
