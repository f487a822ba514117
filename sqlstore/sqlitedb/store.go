package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/null"
)

// Store keeps sessions through a handle of the application's, which it never closes. All methods are safe for
// concurrent use. Make it with New.
type Store struct {
	db      *sql.DB
	sql     *statements
	writing chan struct{}               // holds one while a transaction of this store writes
	locks   keylock.Locks[store.Handle] // of sessions for which a SaveLocked is under way
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Locker    = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Toucher   = (*Store)(nil)
	_ store.Finder    = (*Store)(nil)
	_ store.Collector = (*Store)(nil)
	_ store.Clock     = (*Store)(nil)
)

// ErrNoTable is returned by New if the database has no sessions table. Run the command "sessions-migrate up", or call
// migrate.UpSQLite with the same handle.
var ErrNoTable = errors.New("sqlitedb: no sessions table")

// New returns a store on the table of this name, "sessions" if it is empty. The table has to be there.
func New(ctx context.Context, db *sql.DB, table string) (*Store, error) {
	if table == "" {
		table = migrations.DefaultTable
	}
	if err := migrations.ValidateName(table); err != nil {
		return nil, fmt.Errorf("sqlitedb: table: %w", err)
	}
	s := &Store{db: db, sql: newStatements(table), writing: make(chan struct{}, 1)}
	var n int
	const query = "select count(*) from sqlite_schema where type = 'table' and name = ? collate nocase"
	err := patiently(ctx, func() error { return db.QueryRowContext(ctx, query, table).Scan(&n) })
	switch {
	case err != nil:
		return nil, fmt.Errorf("sqlitedb: looking for the table: %w", err)
	case n == 0:
		return nil, fmt.Errorf("%w: %q, run: sessions-migrate up, or in Go: migrate.UpSQLite", ErrNoTable, table)
	}
	if _, err := s.find(ctx, db, s.sql.load, null.Key(store.Handle{})); err != nil {
		return nil, fmt.Errorf("sqlitedb: table %q is not the one of this release, run: sessions-migrate up: %w", table, err)
	}
	return s, nil
}

// now is the clock of the database's host.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// Now implements store.Clock with the clock of the host.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return now(), ctx.Err() }

// live reads the live row that ref names.
func (s *Store) live(ctx context.Context, q querier, query string, ref store.Ref) (store.Record, error) {
	rows, err := s.find(ctx, q, query, ref.Key[:])
	switch {
	case err != nil:
		return store.Record{}, err
	case len(rows) == 0:
		return store.Record{}, store.ErrGone
	}
	return rows[0], rows[0].Open(ref, rows[0].Now)
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	r, err := s.live(ctx, s.db, s.sql.load, ref)
	if err == nil {
		err = checkObject(r.Data)
	}
	if err != nil {
		return store.Record{}, explain("load", err)
	}
	return r, nil
}

// Inspect implements store.Inspector.
func (s *Store) Inspect(ctx context.Context, keys []store.Handle) (found []store.Record, err error) {
	for _, key := range keys {
		rows, err := s.find(ctx, s.db, s.sql.meta, key[:])
		if err != nil {
			return nil, explain("inspect", err)
		}
		found = append(found, rows...)
	}
	return found, ctx.Err()
}

// explain says what was tried, in the errors of the database.
func explain(what string, err error) error {
	var failed *failure
	if errors.As(err, &failed) {
		return fmt.Errorf("sqlitedb: %s: %w", what, err)
	}
	return err
}
