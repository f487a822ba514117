package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

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
	info, err := s.tableOn(ctx, conn)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "listen "+pgx.Identifier{info.channel}.Sanitize())
	if err != nil || s.hooked {
		return err
	}
	return s.hearsItself(ctx, conn, info)
}

// tableOn is tableInfo, read on that connection if those of the pool are not to be used.
func (s *Store) tableOn(ctx context.Context, conn *pgx.Conn) (*tableInfo, error) {
	if !s.hooked {
		return s.tableInfo(ctx)
	}
	info := new(tableInfo)
	return info, s.readTableInfo(ctx, conn, info)
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
func (s *Store) hearsItself(ctx context.Context, conn *pgx.Conn, info *tableInfo) error {
	mark := "?" + s.node
	err := s.do(ctx, evenIfApplied, func(ctx context.Context, pooled *pgxpool.Conn) error {
		return s.notify(ctx, pooled, info, mark)
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
