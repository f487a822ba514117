package pg

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
)

// Follow makes the server a standby of another one, which it reaches under addr, with a copy of its data, and starts it.
func (s *Server) Follow(ctx context.Context, addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if err := os.RemoveAll(s.Data()); err != nil {
		return err
	}
	if err := s.Run(ctx, "pg_basebackup", "-D", s.Data(), "-h", host, "-p", port, "-U", "postgres", "-R", "-X", "stream",
		"-c", "fast"); err != nil {
		return err
	}
	return s.Start(ctx)
}

// Promote makes a standby the primary, and returns when it accepts writes.
func (s *Server) Promote(ctx context.Context) error {
	return errors.Join(s.Exec(ctx, "select pg_promote(false)"), s.until(ctx, "select not pg_is_in_recovery()"))
}

// Synchronous has commits wait for a standby, or not.
func (s *Server) Synchronous(ctx context.Context, on bool) error {
	names := ""
	if on {
		names = "*"
	}
	return errors.Join(s.Exec(ctx, "alter system set synchronous_standby_names = '"+names+"'"),
		s.Exec(ctx, "select pg_reload_conf()"))
}

// Followed waits until a standby has all that the server has.
func (s *Server) Followed(ctx context.Context) error {
	return s.until(ctx, "select exists(select from pg_stat_replication where state = 'streaming')")
}

// until waits until a query says yes.
func (s *Server) until(ctx context.Context, query string) error {
	for {
		yes, err := s.ask(ctx, query)
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", query, errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) ask(ctx context.Context, query string) (yes bool, err error) {
	err = s.Ask(ctx, query, &yes)
	return yes, err
}

// Ask runs a query of one row on a connection of its own.
func (s *Server) Ask(ctx context.Context, query string, into ...any) error {
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	return conn.QueryRow(ctx, query).Scan(into...)
}
