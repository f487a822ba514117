package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/simples-go/sessions/migrations"
)

// URLVariable is the environment variable that names the database. A command line can be read by every user of the machine.
const URLVariable = "SESSIONS_DATABASE_URL"

// Database says which table is meant.
type Database struct {
	URL     string
	Dialect migrations.Dialect
	Table   migrations.Table
}

// Database checks the URL's scheme and the names. It does not connect. Errors are UsageErrors, without any part of the URL.
func (f *Flags) Database(env Env) (Database, error) {
	url := f.DatabaseURL(env)
	if url == "" {
		return Database{}, Misuse("no database: set %s or give --database-url", URLVariable)
	}
	dialect, err := DialectOf(url)
	if err != nil {
		return Database{}, err
	}
	table, err := f.TableOf(dialect)
	return Database{url, dialect, table}, err
}

// DatabaseURL returns the URL of the flag or of the environment, "" if there is none. An empty flag, as a script's
// unset variable makes it, is none either: the environment may name another database.
func (f *Flags) DatabaseURL(env Env) string {
	if f.given("database-url") {
		return f.URL
	}
	return env.Getenv(URLVariable)
}

// TableOf checks the names, and does not repeat one that is impossible: it may be the URL in the wrong place.
func (f *Flags) TableOf(dialect migrations.Dialect) (migrations.Table, error) {
	const rule = "is not a possible name: 1 to 48 letters, digits and underscores, no digit first, not sqlite_ or pg_"
	switch {
	case migrations.ValidateName(f.Table) != nil:
		return migrations.Table{}, Misuse("--table %s", rule)
	case dialect == migrations.SQLite && f.Schema != "":
		return migrations.Table{}, Misuse("--schema: SQLite has no schemas")
	case f.Schema != "" && migrations.ValidateName(f.Schema) != nil:
		return migrations.Table{}, Misuse("--schema %s", rule)
	}
	return migrations.NewTable(dialect, f.Schema, f.Table)
}

// DialectOf returns the dialect of a URL's scheme, or a UsageError.
func DialectOf(url string) (migrations.Dialect, error) {
	switch scheme, rest, _ := strings.Cut(url, ":"); {
	case scheme == "sqlite" && rest != "" && !strings.Contains(rest, "://"): // a URL in there may have a password
		return migrations.SQLite, nil
	case (scheme == "postgres" || scheme == "postgresql") && strings.HasPrefix(rest, "//"):
		return migrations.Postgres, nil
	}
	return "", Misuse("the database URL must be postgres://user@host/database or sqlite:path")
}

// Path returns the file of an SQLite database.
func (d Database) Path() string { return strings.TrimPrefix(d.URL, "sqlite:") }

// Code prints err, unless it is ErrDone, and returns the exit code for it: Usage for UsageErrors, otherwise Failed.
func Code(stderr io.Writer, program string, err error) int {
	var usage *UsageError
	switch {
	case err == nil, errors.Is(err, ErrDone):
		return OK
	case errors.As(err, &usage):
		return Fail(stderr, program, Usage, err)
	}
	return Fail(stderr, program, Failed, err)
}

// Written wraps the error of a write to standard output.
func Written(_ int, err error) error {
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return nil
}
