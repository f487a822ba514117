package migrate

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/pressly/goose/v3/database"

	"github.com/simples-go/sessions/migrations"
)

// engine is what differs between the databases.
type engine interface {
	// prepare makes a connection ready for begin. ours: Open opened the database, so that its settings are ours to choose.
	prepare(ctx context.Context, conn *sql.Conn, ours bool) error
	// begin is the statements that open the transaction and take the lock.
	begin() []string
	// look reads the catalog.
	look(ctx context.Context, q querier) (found, error)
	// columns are those that the table has at the newest version.
	columns() []string
	indexProblems([]index) []string
	// versionTable is the statements that make the version table and its zero row if they are not there.
	versionTable() []string
	// claim is the statement that records a version, and ends the transaction if it is recorded already.
	claim(version int64) string
	// record is the statement that records a version, and fails if it is recorded already.
	record(version int64) string
	// versions is goose's view of the version table.
	versions() (database.Store, error)
	// script wraps statements so that the database's own shell runs them as one.
	script(body string, fresh bool) string
	// explain says what to do about an error of the database.
	explain(error) error
}

func newEngine(d migrations.Dialect, table migrations.Table) engine {
	if d == migrations.SQLite {
		return sqliteEngine{table}
	}
	return postgresEngine{table}
}

// versionStore is goose's own for the dialect; that the table is there has been seen to.
type versionStore struct{ database.Store }

func (versionStore) TableExists(context.Context, database.DBTxConn) (bool, error) { return true, nil }

// ListMigrations has the newest version first, of those that this package takes for one. Goose takes what was inserted
// last for the newest, which a zero row is that was lost and made again.
func (s versionStore) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*versionRow, error) {
	list, err := s.Store.ListMigrations(ctx, db)
	list = slices.DeleteFunc(list, func(r *versionRow) bool { return r.Version < 0 || !r.IsApplied })
	slices.SortFunc(list, func(a, b *versionRow) int { return cmp.Compare(b.Version, a.Version) })
	return list, err
}

type versionRow = database.ListMigrationsResult

func newVersionStore(d database.Dialect, table migrations.Table) (database.Store, error) {
	store, err := database.NewStore(d, table.Versions())
	if err != nil {
		return nil, err
	}
	return versionStore{store}, nil
}

// readStrings reads a result of one text column.
func readStrings(ctx context.Context, q querier, query string, args ...any) (list []string, err error) {
	err = readRows(ctx, q, query, args, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		list = append(list, s)
		return err
	})
	return list, err
}

func readIndexes(ctx context.Context, q querier, query string, args ...any) (list []index, err error) {
	err = readRows(ctx, q, query, args, func(rows *sql.Rows) error {
		var i index
		err := rows.Scan(&i.name, &i.first, &i.valid, &i.unique, &i.partitioned)
		list = append(list, i)
		return err
	})
	return list, err
}

func readRows(ctx context.Context, q querier, query string, args []any, scan func(*sql.Rows) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			_ = rows.Close() // the scan's error is the one that matters
			return err
		}
	}
	return rows.Err()
}
