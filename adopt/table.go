package adopt

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/simples-go/sessions/session"
)

// Dialect is the SQL of the other system's database.
type Dialect int

// The databases whose rows can be read.
const (
	Postgres Dialect = iota
	SQLite
)

// table is a table of the other system, and what its rows are found by.
type table struct {
	db      *sql.DB
	dialect Dialect
	name    string // as configured: [schema.]table
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$`)

// quoted returns the table's name for a statement.
func (t table) quoted() (string, error) {
	if !identifier.MatchString(t.name) {
		return "", fmt.Errorf("adopt: %q is no name of a table", t.name)
	}
	return `"` + strings.ReplaceAll(t.name, ".", `"."`) + `"`, nil
}

// statement fills a statement in: {table}, {epoch COLUMN} for a time's seconds since 1970, {now} for those of the clock.
func (t table) statement(text string) (string, error) {
	name, err := t.quoted()
	if err != nil {
		return "", err
	}
	text = strings.ReplaceAll(text, "{table}", name)
	text = strings.ReplaceAll(text, "{now}", t.dialect.epoch("now"))
	return column.ReplaceAllStringFunc(text, func(m string) string {
		return t.dialect.epoch(column.FindStringSubmatch(m)[1])
	}), nil
}

var column = regexp.MustCompile(`\{epoch (\w+)\}`)

// epoch is a time's seconds since 1970. Postgres takes a column without time zone to be in the connection's own, as
// connect-pg-simple does; SQLite's times are text in UTC, or Julian days.
func (d Dialect) epoch(what string) string {
	switch {
	case d == SQLite && what == "now":
		return `((julianday('now') - 2440587.5) * 86400.0)`
	case d == SQLite:
		return `((julianday("` + what + `") - 2440587.5) * 86400.0)`
	case what == "now":
		return `extract(epoch from clock_timestamp())::float8`
	}
	return `extract(epoch from "` + what + `"::timestamptz)::float8`
}

// row reads the one row of a query. ErrGone is returned if there is none.
func (t table) row(ctx context.Context, query string, key any, into ...any) error {
	text, err := t.statement(query)
	if err != nil {
		return err
	}
	err = t.db.QueryRowContext(ctx, text, key).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return session.ErrGone
	}
	if err != nil {
		return fmt.Errorf("adopt: read a session of %s: %w", t.name, err)
	}
	return nil
}

func (t table) exec(ctx context.Context, query string, key any) error {
	text, err := t.statement(query)
	if err != nil {
		return err
	}
	if _, err := t.db.ExecContext(ctx, text, key); err != nil {
		return fmt.Errorf("adopt: end a session of %s: %w", t.name, err)
	}
	return nil
}
