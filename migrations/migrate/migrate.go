// Package migrate runs the migrations of package migrations, in the sessions-migrate command and in services that migrate
// when they start. It is the only importer of goose.
//
// However many processes start it at once, each migration is applied exactly once: everything happens in one transaction
// on one connection, behind a lock that ends with the transaction. So it needs no more than one connection, works through
// a pooler in transaction mode, and a process that is killed in the middle leaves neither a lock nor half a migration.
//
// The versions stand in a table of their own, <table>_migrations, so that an application's goose and this one never meet.
// The package imports no database driver; see [Open].
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"

	"github.com/simples-go/sessions/migrations"
)

// Latest stands for the newest version that this build knows.
const Latest int64 = math.MaxInt64

// Options say which table is meant. The zero value of every field but Dialect is a default.
type Options struct {
	Dialect  migrations.Dialect // New and Up need it, Open takes it from the URL
	Schema   string             // default: the connection's own
	Table    string             // default: migrations.DefaultTable
	DropData bool               // allows Down and DownTo, which drop what the sessions hold
}

// Migrator migrates one table. It is safe for concurrent use.
type Migrator struct {
	db       *sql.DB
	table    migrations.Table
	engine   engine
	files    fs.FS
	known    []migration // by version
	dropData bool
	path     string  // of the SQLite file that Open opened, else ""
	owned    bool    // Open opened db
	standby  *sql.DB // to look at if db, which has to accept writes, cannot be reached; nil if there is no other way
}

// UpSQLite applies what is pending to the SQLite database of db, for a sessions table of this name. It is made to be handed
// to the SQLite store:
//
//	store, err := sqlite.Open(ctx, "sessions.db", sqlite.WithMigrate(migrate.UpSQLite))
func UpSQLite(ctx context.Context, db *sql.DB, table string) error {
	return Up(ctx, db, Options{Dialect: migrations.SQLite, Table: table})
}

// Up applies what is pending to the database of db. It is New followed by Migrator.Up.
func Up(ctx context.Context, db *sql.DB, opts Options) error {
	m, err := New(db, opts)
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return err
}

// New returns a Migrator for a database that the caller has opened and closes. It does not connect.
func New(db *sql.DB, opts Options) (*Migrator, error) {
	table, err := migrations.NewTable(opts.Dialect, opts.Schema, opts.Table)
	if err != nil {
		return nil, err
	}
	files, err := migrations.Render(opts.Dialect, opts.Schema, opts.Table)
	if err != nil {
		return nil, err
	}
	known, err := parse(files)
	if err != nil {
		return nil, err
	}
	m := &Migrator{db: db, table: table, files: files, known: known, dropData: opts.DropData}
	m.engine = newEngine(opts.Dialect, table)
	return m, nil
}

// Close closes the database if Open opened it.
func (m *Migrator) Close() error {
	if !m.owned {
		return nil
	}
	if m.standby != nil {
		return errors.Join(m.db.Close(), m.standby.Close())
	}
	return m.db.Close()
}

// latest is the newest known version.
func (m *Migrator) latest() int64 { return m.known[len(m.known)-1].version }

// versionsKnown returns all known versions.
func (m *Migrator) versionsKnown() []int64 {
	var list []int64
	for _, k := range m.known {
		list = append(list, k.version)
	}
	return list
}

// target resolves Latest and refuses versions that do not exist.
func (m *Migrator) target(version int64) (int64, error) {
	if version == Latest {
		return m.latest(), nil
	}
	isIt := func(k migration) bool { return k.version == version }
	if version != 0 && !slices.ContainsFunc(m.known, isIt) {
		return 0, fmt.Errorf("migrate: there is no version %d, this build knows 0 to %d", version, m.latest())
	}
	return version, nil
}

// Errors that callers distinguish with errors.Is. The text around them says what to do.
var (
	// ErrBehind is returned by Check if migrations are pending.
	ErrBehind = errors.New("the database is behind")

	// ErrDirty is returned if the version table and the database's schema do not agree.
	ErrDirty = errors.New("the database is not as the migrations leave it")

	// ErrNewer is returned by Up and Down and their kin if the database has migrations that this build does not know.
	// An older program can use a newer database, so Check and Status accept it.
	ErrNewer = errors.New("the database is newer than this program")

	// ErrForeignTable is returned if a table of that name exists that no migration made.
	ErrForeignTable = errors.New("the table exists already and was not made by these migrations")

	// ErrWorker is returned by Up and Down and their kin on a worker of Citus, if there is something to do. Tables are made
	// and changed on the coordinator. Check and Status work on workers.
	ErrWorker = errors.New("this server is a worker of Citus: migrate on the coordinator, which changes the workers too")

	// ErrDropsData is returned by Down if Options.DropData is not set.
	ErrDropsData = errors.New("this would drop the sessions, and was not told to")
)
