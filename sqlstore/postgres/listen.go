package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// reconnectBackoff is how long listen waits before it connects again.
var reconnectBackoff = retry.Backoff{First: 75 * time.Millisecond, Most: 7500 * time.Millisecond}

// listen passes on the database's notifications until ctx ends, whatever happens to the connection.
func (s *Store) listen(ctx context.Context) {
	if s.opts.noListen {
		return
	}
	attempt, level := 1, slog.LevelWarn
	for ctx.Err() == nil {
		subscribed, err := s.listenSafely(ctx)
		if ctx.Err() != nil {
			return
		}
		if subscribed {
			attempt, level = 1, slog.LevelWarn
		}
		wait := reconnectBackoff.Before(attempt)
		s.opts.logger.Log(ctx, level, "sessions: no notifications from the database, polling only until they are back",
			"error", err, "retry_in", wait.String())
		level = slog.LevelDebug // said once for each time that they are lost
		attempt++
		_ = retry.Sleep(ctx, wait)
	}
}

// listenSafely is listenOnce. A hook of the pool that panics ends the attempt and not the process.
func (s *Store) listenSafely(ctx context.Context) (subscribed bool, err error) {
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

// listenOnce listens on a new connection until that fails; subscribed says whether it ever listened.
func (s *Store) listenOnce(ctx context.Context) (subscribed bool, err error) {
	if s.hooked && s.opts.schema == "" {
		return false, errUnnamed
	}
	conn, err := s.dial(ctx, s.opts.listenURL)
	if err != nil {
		return false, err
	}
	defer closeAndWait(conn)
	if err := s.subscribe(ctx, conn); err != nil {
		return false, err
	}
	s.events.Send(store.Event{Kind: store.Missed})
	return true, s.hear(ctx, conn)
}

// hear passes notifications on. It tries the connection at intervals, whether it is silent or not, so that one that died
// without a word is found out, and a server that is no longer the one that accepts writes.
func (s *Store) hear(ctx context.Context, conn *pgx.Conn) error {
	for {
		if err := s.passUntil(ctx, conn, time.Now().Add(s.opts.pingInterval)); err != nil {
			return err
		}
		bound, cancel := context.WithTimeout(ctx, s.opts.pingTimeout)
		_, err := conn.Exec(bound, "select 1")
		cancel()
		if err == nil && s.isDemoted(conn) {
			err = errDemoted
		}
		if err != nil {
			return err
		}
	}
}

// passUntil passes notifications on until it is time.
func (s *Store) passUntil(ctx context.Context, conn *pgx.Conn, end time.Time) error {
	bound, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for {
		n, err := conn.WaitForNotification(bound)
		switch {
		case err == nil:
			s.pass(n.Payload)
		case ctx.Err() == nil && bound.Err() != nil && !conn.IsClosed():
			return nil
		default:
			return err
		}
	}
}

// pass sends the watchers an event from another process. This process's own events have been sent already.
func (s *Store) pass(payload string) {
	if e, node, ok := readPayload(payload); ok && node != s.node {
		s.events.Send(e)
	}
}
