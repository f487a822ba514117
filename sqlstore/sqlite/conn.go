package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"time"

	modernc "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/simples-go/sessions/internal/sqlitefile"
)

// conn is one connection to the file with its prepared statements, used by one goroutine at a time. It speaks to the
// driver itself: the pool of database/sql and its watching of contexts would add two thirds to the cost of a load.
type conn struct {
	raw      driver.Conn
	sql      *statements
	prepared [statementCount]driver.Stmt
	args     []driver.NamedValue
	row      []driver.Value

	relaxed bool  // commits do not wait for the disk
	changed int64 // pages, at least, by the transaction at hand
	version int64 // of the file, when this connection looked last; 0: never
}

// connect opens a connection. The driver value is our own: what the application registers with the package's does not
// reach these connections. The database waits for a busy file while it opens, afterwards retryBusy does.
func connect(ctx context.Context, l location, r role, busy time.Duration, template string) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := new(modernc.Driver).Open(l.dsn(r, busy, template))
	if err != nil {
		return nil, openError(l, err)
	}
	c := &conn{raw: raw, row: make([]driver.Value, maxColumns)}
	err = c.script("pragma busy_timeout=0")
	if err == nil && (r == writing || r == creating) {
		err = c.checkWritable()
	}
	if err != nil {
		return nil, errors.Join(openError(l, err), raw.Close())
	}
	return c, nil
}

var errReadOnly = errors.New("it is read-only")

// checkWritable returns an error if the file is open for reading only: SQLite opens a file that it must not write in
// that way, and reports no error.
func (c *conn) checkWritable() error {
	ro, err := c.raw.(interface{ IsReadOnly(string) (bool, error) }).IsReadOnly("main")
	if err == nil && ro {
		err = errReadOnly
	}
	return err
}

func openError(l location, err error) error {
	switch c := code(err); {
	case c == lib.SQLITE_NOTADB:
		return fmt.Errorf("sqlite: %s is no SQLite database: %w", l, err)
	case c == lib.SQLITE_CANTOPEN, c == lib.SQLITE_READONLY, err == errReadOnly:
		return fmt.Errorf("sqlite: %s cannot be opened for writing, look at the rights of file and directory: %w", l, err)
	}
	return fmt.Errorf("sqlite: opening %s: %w", l, err)
}

// script runs SQL that is compiled each time. Some PRAGMAs have their effect while they are compiled, and cannot be
// prepared.
func (c *conn) script(text string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), text, nil)
	return err
}

func (c *conn) close() error {
	for _, s := range c.prepared {
		if s != nil {
			_ = s.Close()
		}
	}
	return c.raw.Close()
}

// prepare returns the statement, compiled at its first use.
func (c *conn) prepare(id statement) (driver.Stmt, error) {
	if s := c.prepared[id]; s != nil {
		return s, nil
	}
	s, err := c.raw.Prepare(c.sql[id])
	if err == nil {
		c.prepared[id] = s
	}
	return s, err
}

// exec runs a statement and returns how many rows it changed.
func (c *conn) exec(id statement, args ...driver.Value) (int64, error) {
	s, err := c.prepare(id)
	if err != nil {
		return 0, err
	}
	res, err := s.(driver.StmtExecContext).ExecContext(context.Background(), c.named(args))
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	c.changed += n + size(args)/pageSize
	return n, err
}

// errKept is of the database, which reports no error: a trigger can have it leave a row as it was.
var errKept = errors.New("the database keeps a row as it was: do its triggers let rows be changed?")

// change runs a statement on one row, and returns errKept if the row is left as it was.
func (c *conn) change(id statement, args ...driver.Value) error {
	n, err := c.exec(id, args...)
	if err == nil && n != 1 {
		err = errKept
	}
	return err
}

// pageSize is that of a new database, in bytes.
const pageSize = 4096

// size is how many bytes of data the arguments hold.
func size(args []driver.Value) (n int64) {
	for _, v := range args {
		if data, ok := v.([]byte); ok {
			n += int64(len(data))
		}
	}
	return n
}

// query runs a statement. Close the rows: an open statement keeps the write-ahead log from being reset.
func (c *conn) query(ctx context.Context, id statement, args ...driver.Value) (driver.Rows, error) {
	s, err := c.prepare(id)
	if err != nil {
		return nil, err
	}
	return s.(driver.StmtQueryContext).QueryContext(ctx, c.named(args))
}

// each calls fn with every row of a statement. The row is valid until fn returns, the byte slices in it for good.
func (c *conn) each(ctx context.Context, id statement, fn func([]driver.Value) error, args ...driver.Value) error {
	rows, err := c.query(ctx, id, args...)
	if err != nil {
		return err
	}
	row := c.row[:len(rows.Columns())]
	for err == nil {
		if err = rows.Next(row); err == nil {
			err = fn(row)
		}
	}
	if closing := rows.Close(); err == io.EOF {
		err = closing
	}
	return err
}

// first returns the first row of a statement that has at most one; nil if it has none.
func (c *conn) first(id statement, args ...driver.Value) ([]driver.Value, error) {
	rows, err := c.query(context.Background(), id, args...)
	if err != nil {
		return nil, err
	}
	row := c.row[:len(rows.Columns())]
	err = rows.Next(row)
	closing := rows.Close()
	switch {
	case err == io.EOF:
		return nil, closing
	case err != nil:
		return nil, err
	}
	return row, closing
}

// number returns the integer that is the one value of a statement.
func (c *conn) number(id statement, args ...driver.Value) (int64, error) {
	row, err := c.first(id, args...)
	if err != nil || row == nil {
		return 0, err
	}
	return integer(row[0]), nil
}

func (c *conn) named(args []driver.Value) []driver.NamedValue {
	c.args = c.args[:0]
	for i, v := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: v})
	}
	return c.args
}

// code is the primary result code of the driver's error, 0 for any other: an application's may have a Code of its own.
func code(err error) int {
	var e *modernc.Error
	if err != nil && errors.As(err, &e) {
		return sqlitefile.Code(e)
	}
	return 0
}

// ofDatabase reports whether the database has refused something.
func ofDatabase(err error) bool { return err != nil && (code(err) != 0 || errors.Is(err, errKept)) }

func isBusy(err error) bool { return code(err) != 0 && sqlitefile.IsBusy(err) }
