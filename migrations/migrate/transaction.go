package migrate

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
)

// rollbackTime bounds a rollback after the caller's context has ended.
const rollbackTime = 5 * time.Second

// locked runs fn in one transaction that holds the lock, on one connection. The *sql.DB that fn gets is that connection:
// what goose believes to be a transaction of its own is a savepoint in it.
func (m *Migrator) locked(ctx context.Context, fn func(*sql.DB) error) (err error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if closed := conn.Close(); !errors.Is(closed, sql.ErrConnDone) { // which says no more than err does
			err = errors.Join(err, closed)
		}
	}()
	if err := m.prepare(ctx, conn); err != nil {
		return err
	}
	var failed error
	badConn := conn.Raw(func(raw any) error {
		var usable bool
		usable, failed = within(ctx, raw.(driver.Conn), m.engine.begin(), fn)
		if !usable {
			return driver.ErrBadConn // the pool must not hand out a connection with an open transaction
		}
		return nil
	})
	if failed == nil && badConn != nil {
		return fmt.Errorf("migrate: using the connection: %w", badConn)
	}
	return failed
}

// prepare makes the connection ready for a change, which cannot be taken back: not if the change will be refused.
func (m *Migrator) prepare(ctx context.Context, conn *sql.Conn) error {
	now, err := m.glance(ctx, conn)
	if err != nil || now.refusal() != nil {
		return err // a look without the lock may be wrong, so that the refusal is left to the one with it
	}
	return m.engine.prepare(ctx, conn, m.path != "")
}

// within runs fn between the statements of begin and a commit. It reports whether the connection can be used again.
func within(ctx context.Context, raw driver.Conn, begin []string, fn func(*sql.DB) error) (usable bool, err error) {
	db := sql.OpenDB(borrowed{raw})
	db.SetMaxOpenConns(1)
	defer func() { err = errors.Join(err, db.Close()) }()
	for i, statement := range begin {
		if err := retryBusy(ctx, func() error { return exec(ctx, db, statement) }); err != nil {
			return i == 0 || rollback(ctx, db), err
		}
	}
	if err := fn(db); err != nil {
		return rollback(ctx, db), err
	}
	// Without a write-ahead log, a commit is refused as long as somebody reads.
	if err := retryBusy(ctx, func() error { return exec(ctx, db, "commit") }); err != nil {
		return rollback(ctx, db), err
	}
	return true, nil
}

func exec(ctx context.Context, db *sql.DB, statement string) error {
	_, err := db.ExecContext(ctx, statement)
	return err
}

func rollback(ctx context.Context, db *sql.DB) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
	defer cancel()
	return exec(ctx, db, "rollback") == nil
}

// borrowed is a connector that hands out one connection, which stays its owner's.
type borrowed struct{ raw driver.Conn }

func (b borrowed) Connect(context.Context) (driver.Conn, error) { return &nested{b.raw}, nil }
func (b borrowed) Driver() driver.Driver                        { return nil }

// nested is a connection in a transaction: to begin is to set a savepoint, to close is to do nothing.
type nested struct{ driver.Conn }

func (n *nested) Close() error { return nil }

func (n *nested) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if e, ok := n.Conn.(driver.ExecerContext); ok {
		return e.ExecContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (n *nested) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if q, ok := n.Conn.(driver.QueryerContext); ok {
		return q.QueryContext(ctx, query, args)
	}
	return nil, driver.ErrSkip
}

func (n *nested) CheckNamedValue(v *driver.NamedValue) error {
	if c, ok := n.Conn.(driver.NamedValueChecker); ok {
		return c.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

func (n *nested) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	if _, err := n.ExecContext(ctx, "savepoint migration", nil); err != nil {
		return nil, err
	}
	return savepoint{n}, nil
}

type savepoint struct{ conn *nested }

func (s savepoint) Commit() error { return s.exec("release savepoint migration") }

func (s savepoint) Rollback() error {
	return errors.Join(s.exec("rollback to savepoint migration"), s.exec("release savepoint migration"))
}

func (s savepoint) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	_, err := s.conn.ExecContext(ctx, statement, nil)
	return err
}
