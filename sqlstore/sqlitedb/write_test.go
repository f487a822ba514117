package sqlitedb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"

	"modernc.org/sqlite"

	"github.com/simples-go/sessions/session/store"
)

// hooked opens connections that call before with each statement that is executed.
type hooked struct{ before func(statement string) }

func (h *hooked) Driver() driver.Driver { return new(sqlite.Driver) }

func (h *hooked) Connect(context.Context) (driver.Conn, error) {
	c, err := h.Driver().Open(":memory:")
	return &hookedConn{c, h}, err
}

type hookedConn struct {
	driver.Conn
	*hooked
}

func (c *hookedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	c.before(query)
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

func (c *hookedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, query, args)
}

// inMemory returns a store on a database in memory that lives as long as its one connection.
func inMemory(t *testing.T) (*Store, *hooked) {
	t.Helper()
	h := &hooked{before: func(string) {}}
	db := sql.OpenDB(h)
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	migrate(t, db)
	s, err := New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	return s, h
}

// The connection is the application's, and so is what ends with it.
func TestAWriteThatFailsLeavesTheConnectionOpen(t *testing.T) {
	s, h := inMemory(t)
	ref := newRef()
	if _, err := s.Create(t.Context(), ref, store.Change{}); err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"begin immediate", s.sql.update} {
		ctx, cancel := context.WithCancel(t.Context())
		h.before = func(statement string) {
			if statement == end {
				cancel()
			}
		}
		if _, err := s.Save(ctx, ref, store.Change{}); !errors.Is(err, context.Canceled) {
			t.Errorf("a save that is left at %.6s: %v", end, err)
		}
		h.before = func(string) {}
		if r, err := s.Load(t.Context(), ref); err != nil || r.Version != 1 {
			t.Errorf("after a save that was left at %.6s: version %d, %v", end, r.Version, err)
		}
	}
	// The database has ended the transaction itself.
	if _, err := s.db.Exec(`create trigger no before update on sessions begin select raise(rollback, 'no'); end`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Save(t.Context(), ref, store.Change{}); err == nil {
		t.Error("a save that the database refuses succeeds")
	}
	if r, err := s.Load(t.Context(), ref); err != nil || r.Version != 1 {
		t.Errorf("after a save that was refused: version %d, %v", r.Version, err)
	}
}
