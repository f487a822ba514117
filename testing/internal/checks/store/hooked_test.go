package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"modernc.org/sqlite"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlitedb"
)

// hooked is an application's driver that calls before with each statement.
type hooked struct {
	name   string // of the database
	before func(statement string, args []driver.NamedValue)
}

func (h *hooked) Driver() driver.Driver { return new(sqlite.Driver) }

func (h *hooked) Connect(context.Context) (driver.Conn, error) {
	c, err := h.Driver().Open(h.name)
	return &hookedConn{c, h}, err
}

type hookedConn struct {
	driver.Conn
	*hooked
}

func (c *hookedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.before(query, args)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *hookedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	c.before(query, args)
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

func (h *hooked) none() { h.before = func(string, []driver.NamedValue) {} }

// inMemory returns a store on a database that ends with its one connection.
func inMemory(t *testing.T) (*sqlitedb.Store, *sql.DB, *hooked) {
	t.Helper()
	h := &hooked{name: ":memory:"}
	h.none()
	db := sql.OpenDB(h)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := migrate.UpSQLite(t.Context(), db, "sessions"); err != nil {
		t.Fatal(err)
	}
	s, err := sqlitedb.New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, db, h
}

// named returns a reference to a session that there is not yet.
func named(n byte) store.Ref {
	return store.Ref{Key: store.Handle{n}, Hash: store.Hash{n}, Policy: hourly}
}
