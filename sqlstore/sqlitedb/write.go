package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/internal/sqlitefile"
)

// failure is an error of the database.
type failure struct{ error }

func (f *failure) Unwrap() error { return f.error }

// failed returns the context's error if that has ended: drivers differ in what they then say.
func failed(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return &failure{err}
}

const (
	busyTime     = 5 * time.Second // how long others may hold the file
	rollbackTime = 5 * time.Second // how long a rollback may take after the caller's context has ended
)

var busyPause = retry.Backoff{First: time.Millisecond, Most: 8 * time.Millisecond}

// isBusy recognizes the drivers' errors by their code, if they have one, and by SQLite's own words.
func isBusy(err error) bool {
	return sqlitefile.IsBusy(err) || err != nil &&
		(strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked"))
}

// patiently calls fn until the file is not busy. Without a write-ahead log, readers too meet the commits of others.
func patiently(ctx context.Context, fn func() error) error {
	return retry.While(ctx, busyTime, busyPause, isBusy, fn)
}

// write calls fn in a transaction that has the write lock from its beginning. An error of fn rolls it back.
func (s *Store) write(ctx context.Context, fn func(*sql.Conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	conn, err := s.db.Conn(ctx)
	if err != nil {
		return failed(ctx, err)
	}
	defer func() { _ = conn.Close() }()
	begin := func() error { return run(ctx, conn, "begin immediate") }
	if err := patiently(ctx, begin); err != nil {
		rollback(ctx, conn) // the database may have begun all the same, after the driver has returned
		return failed(ctx, err)
	}
	committed := false
	defer func() {
		if !committed {
			rollback(ctx, conn)
		}
	}()
	if err := fn(conn); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), busyTime)
	defer cancel()
	commit := func() error { return run(bounded, conn, "commit") }
	if err := retry.While(bounded, 0, busyPause, isBusy, commit); err != nil {
		return &failure{err}
	}
	committed = true
	return nil
}

func run(ctx context.Context, conn *sql.Conn, statement string) error {
	_, err := conn.ExecContext(ctx, statement)
	return err
}

// exec runs a statement and returns how many rows it changed.
func exec(ctx context.Context, conn *sql.Conn, statement string, args ...any) (int64, error) {
	result, err := conn.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, failed(ctx, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return 0, &failure{err}
	}
	return n, nil
}

var errKept = errors.New("the database keeps a row as it was: do its triggers let rows be changed?")

// changeOne runs a statement on one row. It is a failure if the database leaves the row as it was, as a trigger can have it
// do without an error.
func changeOne(ctx context.Context, conn *sql.Conn, statement string, args ...any) error {
	n, err := exec(ctx, conn, statement, args...)
	if err == nil && n != 1 {
		err = &failure{errKept}
	}
	return err
}

// rollback does not hand a connection with an open transaction back to the application. It keeps one that has none: a
// database in memory ends with its last connection.
func rollback(ctx context.Context, conn *sql.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	err := run(ctx, conn, "rollback")
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		discard(conn)
	}
}

func discard(conn *sql.Conn) {
	_ = conn.Raw(func(any) error { return driver.ErrBadConn })
}
