package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

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
