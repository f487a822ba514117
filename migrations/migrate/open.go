package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/simples-go/sessions/internal/pgurl"
	"github.com/simples-go/sessions/internal/sqlitefile"
	"github.com/simples-go/sessions/migrations"
)

// Open returns a Migrator for the database that a URL names: postgres://… or postgresql://…, sqlite:path. Options.Dialect is
// taken from it. It does not connect. Close the Migrator when done.
//
// Of several Postgres servers that the URL names, or that a host's name stands for, the one that accepts writes is
// used, unless the URL has another target_session_attrs. Status, Check and SQL also use one that does not.
//
// The driver must be linked in: import _ "github.com/jackc/pgx/v5/stdlib" for Postgres, _ "modernc.org/sqlite" for SQLite,
// which the SQLite store imports already. A missing SQLite file is made by Up alone, readable by its owner only, with a
// write-ahead log and incremental vacuum. No error of this package contains a password.
func Open(_ context.Context, databaseURL string, opts Options) (*Migrator, error) {
	driver, dsn, path, err := source(databaseURL)
	if err != nil {
		return nil, err
	}
	opts.Dialect = migrations.Postgres
	if path != "" {
		opts.Dialect = migrations.SQLite
	}
	if !slices.Contains(sql.Drivers(), driver) {
		return nil, fmt.Errorf("migrate: no database driver %q: the program must import it, see migrate.Open", driver)
	}
	db, err := openDB(driver, dsn)
	if err != nil {
		return nil, err
	}
	m, err := New(db, opts)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	m.path, m.owned = path, true
	if other := postgresDSN(databaseURL, pgurl.Any); opts.Dialect == migrations.Postgres && other != dsn {
		if m.standby, err = openDB(driver, other); err != nil {
			return nil, errors.Join(err, m.Close())
		}
	}
	return m, nil
}

func openDB(driver, dsn string) (*sql.DB, error) {
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("migrate: the database URL cannot be used") // the driver's error may quote it
	}
	return db, nil
}

func source(databaseURL string) (driver, dsn, path string, err error) {
	scheme, rest, _ := strings.Cut(databaseURL, ":")
	switch scheme {
	case "postgres", "postgresql":
		if pgurl.Ambiguous(databaseURL) {
			return "", "", "", errUnreadable
		}
		return "pgx", postgresDSN(databaseURL, pgurl.Writable), "", nil
	case "sqlite":
		if !namesFile(rest) {
			return "", "", "", fmt.Errorf("migrate: the database URL names no file: use sqlite:path, as in sqlite:/var/lib/app.db")
		}
		// SQLite would wait for a device to become a database, or take it for an empty one.
		if info, err := os.Stat(rest); err == nil && !info.Mode().IsRegular() {
			return "", "", "", fmt.Errorf("migrate: the database is a folder, a device or the like: " +
				"it must be a regular file, or not be there")
		} else if err == nil {
			if err := sqlitefile.CheckMode(info); err != nil {
				return "", "", "", fmt.Errorf("migrate: %w", err)
			}
		}
		return "sqlite", sqliteDSN(rest, ""), rest, nil
	}
	return "", "", "", fmt.Errorf("migrate: the database URL must be postgres://user@host/database or sqlite:path")
}

// namesFile refuses what is no path, the two slashes after which a URL would name a host, and a URL, which may have a
// password.
func namesFile(path string) bool {
	host := strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///") || strings.Contains(path, "://")
	return path != "" && !host && !strings.HasPrefix(path, ":memory:") && !strings.ContainsRune(path, 0)
}

// postgresDSN adds what a pooler in transaction mode and a silent network need, and which servers will do, unless the URL
// says otherwise. What is meant for a pool the server would take for a setting of its own and refuse.
func postgresDSN(databaseURL, servers string) string {
	before, params := pgurl.Split(databaseURL)
	params = slices.DeleteFunc(params, func(p string) bool { return strings.HasPrefix(p, "pool_") })
	if len(params) > 0 {
		before += "?" + strings.Join(params, "&")
	}
	return pgurl.WithDefaults(before, servers, "default_query_exec_mode=exec")
}

// sqliteDSN names a file for the driver. Without a template it never creates the file.
func sqliteDSN(path, template string) string {
	params := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "synchronous(full)"}}
	if template == "" {
		params.Set("mode", "rw")
	} else {
		params.Set("modeof", template)
	}
	return sqlitefile.DSN(path, params)
}

// missing reports whether the SQLite file of Open is not there.
func (m *Migrator) missing() bool {
	if m.path == "" {
		return false
	}
	_, err := os.Stat(m.path)
	return errors.Is(err, fs.ErrNotExist)
}

// create makes the SQLite file of Open if it is not there, for its owner alone.
func (m *Migrator) create(ctx context.Context) (err error) {
	if !m.missing() {
		return nil
	}
	template, remove, err := sqlitefile.Template(m.path)
	if err != nil {
		return fmt.Errorf("migrate: creating the database: %w", err)
	}
	defer remove()
	db, err := sql.Open("sqlite", sqliteDSN(m.path, template))
	if err != nil {
		return fmt.Errorf("migrate: creating the database: %w", err)
	}
	if err := errors.Join(db.PingContext(ctx), db.Close()); err != nil {
		return fmt.Errorf("migrate: creating the database: %w", err)
	}
	return nil
}
