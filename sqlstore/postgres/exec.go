package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// A call is made at most so many times. Serialization failures have a limit of their own: statements that meet at a row
// get them if the database's default isolation is higher than read committed, and each time one of them gets through.
const (
	attempts              = 4
	serializationAttempts = 100
)

// fenced runs a statement that carries a fence, on a connection of its own or in a transaction. If it is open whether it
// takes effect, fenced returns once it no longer can, or when ctx ends.
func (s *Store) fenced(ctx context.Context, f fence, keys []store.Handle, run func(context.Context) error) error {
	lingering, end := s.fences.outliving(ctx)
	err := run(lingering)
	end()
	if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w: %w", ctx.Err(), err)
	}
	s.fences.ended(ctx, f, err, keys...)
	return err
}

// querier is a connection of the pool, or a transaction on one.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// onConn is a querier that says which connection it runs on.
type onConn interface{ Conn() *pgx.Conn }

// statement is a text with its arguments, preceded by how pgx is to run it.
type statement struct {
	sql     string
	args    []any
	ownConn bool // the store has made the pool, so that no setting of others says how its connections end with a context
}

var binaryResults any = pgx.QueryResultFormats{pgx.BinaryFormatCode}

func (s *Store) statement(sql string, args ...any) statement {
	all := make([]any, 0, len(args)+2)
	all = append(all, s.exec, binaryResults)
	return statement{sql: sql, args: append(all, args...), ownConn: s.ownPool}
}

// query runs a statement and calls read for each row with its values in binary form, which are valid during the call
// only.
func query(ctx context.Context, q querier, st statement, read func([][]byte) error) (n int, err error) {
	end, fixed := deadline.Fixed(ctx)
	if !fixed || !st.ownConn {
		return queryRows(ctx, q, st, read)
	}
	on, known := q.(onConn)
	if !known {
		return queryRows(ctx, q, st, read)
	}
	return queryUntil(end, on.Conn().PgConn(), func() (int, error) { return queryRows(context.Background(), q, st, read) })
}

// queryUntil runs a query of which nothing but its time ends the context, as the connection's deadline. What pgx does to
// have a context end a statement costs five allocations, and a lock at which callers meet.
func queryUntil(end time.Time, conn *pgconn.PgConn, run func() (int, error)) (n int, err error) {
	if err := conn.Conn().SetDeadline(end); err != nil {
		return 0, &unsent{err}
	}
	n, err = run()
	if !conn.IsClosed() { // pgx closes one that has failed, and gives itself time for that
		_ = conn.Conn().SetDeadline(time.Time{})
	}
	if err != nil && errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.DeadlineExceeded, err)
	}
	return n, err
}

func queryRows(ctx context.Context, q querier, st statement, read func([][]byte) error) (n int, err error) {
	rows, err := q.Query(ctx, st.sql, st.args...)
	if err != nil {
		return 0, err
	}
	for ; err == nil && rows.Next(); n++ {
		err = read(rows.RawValues())
	}
	rows.Close()
	if err == nil {
		err = rows.Err()
	}
	return n, err
}

// bound gives a context without a deadline the store's own.
func (s *Store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return s.deadline.Default(ctx)
}

// boundSince is bound for a call that has begun some time ago.
func (s *Store) boundSince(ctx context.Context, begun time.Time) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, begun.Add(s.opts.timeout))
}

// repetition says when a call may be made again.
type repetition uint8

const (
	// ifNotApplied allows it if the database has surely done nothing.
	ifNotApplied repetition = iota
	// evenIfApplied allows it if the call may have taken effect too, since making it twice is the same as making it once.
	evenIfApplied
)

// do calls fn with a connection of the pool, again if that is allowed and may help.
func (s *Store) do(ctx context.Context, again repetition, fn func(context.Context, *pgxpool.Conn) error) error {
	for attempt := 1; ; attempt++ {
		err := s.once(ctx, again, fn)
		if err == nil || attempt >= attemptsAfter(err) || !again.allows(err) {
			return err
		}
		if retry.Sleep(ctx, waitAfter(attempt)) != nil {
			return err
		}
	}
}

func attemptsAfter(err error) int {
	if codeOf(err) == serializationFailure {
		return serializationAttempts
	}
	return attempts
}

// What a server says that has become a standby, one that cannot do this to a distributed table, and one that keeps
// transactions apart.
const (
	readOnly             = "25006"
	notSupported         = "0A000"
	serializationFailure = "40001"
)

// codeOf returns the SQLSTATE of the server's error; "" if err is none.
func codeOf(err error) string {
	if err == nil {
		return "" // without the allocation that follows
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return server.Code
	}
	return ""
}

// unsent is an error from before anything was sent.
type unsent struct{ err error }

func (e *unsent) Error() string { return e.err.Error() }
func (e *unsent) Unwrap() error { return e.err }

func (r repetition) allows(err error) bool {
	var server *pgconn.PgError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case err == errDemoted, err == errFenced:
		return true
	case outcomeUnknown(err):
		return r == evenIfApplied
	case errors.As(err, &server):
		return isAborted(server)
	}
	return notSent(err)
}

func notSent(err error) bool {
	var early *unsent
	return errors.As(err, &early) || pgconn.SafeToRetry(err)
}

// outcomeUnknown reports whether the connection was lost before the answer to what may have taken effect.
func outcomeUnknown(err error) bool {
	if notSent(err) {
		return false
	}
	var server *pgconn.PgError
	if errors.As(err, &server) {
		return closesConnection(server)
	}
	var local *localError
	var own *callbackError
	return !errors.As(err, &local) && !errors.As(err, &own) && !isSession(err) && err != errUnserved && err != errFenced
}

// closesConnection reports whether the server ended the connection with this error. It may have committed just before.
func closesConnection(err *pgconn.PgError) bool {
	switch err.Code {
	case "57P01", "57P02", "57P05":
		return true
	}
	return err.Code[:min(2, len(err.Code))] == "08"
}

// isAborted reports whether the server took the statement back and may accept it another time: serialization failure,
// deadlock, read-only, starting or stopping, a prepared statement lost or outdated.
func isAborted(err *pgconn.PgError) bool {
	switch err.Code {
	case serializationFailure, "40P01", readOnly, "57P03":
		return true
	}
	return isStale(err)
}

// isStale reports whether the server does not have a prepared statement any more, or one of before the table changed.
// The latter has no code of its own, and its text is in the language of the server.
func isStale(err *pgconn.PgError) bool {
	return err.Code == "26000" || err.Code == notSupported && err.Routine == "RevalidateCachedQuery"
}

// waitAfter is how long to wait after an attempt: a little, more from one to the next at first, and at random so that
// callers in conflict part.
func waitAfter(attempt int) time.Duration {
	return rand.N(5 * time.Millisecond << (2 * min(attempt-1, 2)))
}
