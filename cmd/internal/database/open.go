// Package database opens the store that a command works on.
package database

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/internal/pgurl"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// Opened is a store with what commands need of it.
type Opened struct {
	Store interface {
		store.Collector
		store.Finder
	}
	Close func()

	query func(ctx context.Context, sql string, args []any, scan ...any) error // of one row
	text  dialect
}

// Options say how to open a store.
type Options struct {
	Program  string // the name of the connections
	ReadOnly bool   // a server that refuses writes will do, and a file keeps its journal mode
}

// Open opens the store of a table that is there.
func Open(ctx context.Context, db cli.Database, opts Options) (*Opened, error) {
	if db.Dialect == migrations.SQLite {
		return openSQLite(ctx, db, opts)
	}
	return openPostgres(ctx, db, opts)
}

// errUnreadable stands for the driver's parse error, which quotes the URL and parts of the password.
var errUnreadable = errors.New("the database URL does not parse, or has a setting with an impossible value; " +
	"characters such as @ : / ? # % in a user name or password must be percent-encoded")

func openPostgres(ctx context.Context, db cli.Database, opts Options) (*Opened, error) {
	config, err := poolConfig(db.URL, opts)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	// A command is a few statements: that no statement is prepared costs nothing, and suits every pooler.
	options := []postgres.Option{postgres.WithTable(db.Table.Name), postgres.WithoutPreparedStatements(), postgres.WithoutListen()}
	if db.Table.Schema != "" {
		options = append(options, postgres.WithSchema(db.Table.Schema))
	}
	s, err := postgres.New(pool, options...)
	if err != nil {
		pool.Close()
		return nil, err
	}
	query := func(ctx context.Context, sql string, args []any, scan ...any) error {
		return pool.QueryRow(ctx, sql, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(scan...)
	}
	return &Opened{Store: s, Close: pool.Close, query: query, text: dialect{
		table: db.Table.Quoted(), now: "now()", less: " - $1::interval", mark: func(n int) string { return "$" + strconv.Itoa(n) }, data: "data::text",
		age: func(d time.Duration) any { return d },
		key: func(key store.Handle) any { return key.String() },
	}}, nil
}

// Name returns the name of the database, or the path of its file, without anything else of its URL; "" if that does not
// parse.
func Name(db cli.Database) string {
	switch db.Dialect {
	case migrations.SQLite:
		return cli.Shown(db.Path())
	case migrations.Postgres:
		if config, err := poolConfig(db.URL, Options{}); err == nil {
			return cmp.Or(config.ConnConfig.Database, config.ConnConfig.User)
		}
	}
	return ""
}

// poolConfig reads the URL and adds what it leaves open. Only a look may use a server that refuses writes.
func poolConfig(url string, opts Options) (*pgxpool.Config, error) {
	if pgurl.Ambiguous(url) {
		return nil, errUnreadable
	}
	servers := pgurl.Writable
	if opts.ReadOnly {
		servers = pgurl.Any
	}
	config, err := pgxpool.ParseConfig(pgurl.WithDefaults(url, servers))
	if err != nil {
		return nil, errUnreadable
	}
	conn := config.ConnConfig
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = opts.Program
	}
	if validate := conn.ValidateConnect; validate != nil && !opts.ReadOnly {
		conn.ValidateConnect = func(ctx context.Context, conn *pgconn.PgConn) error { return advisedOn(validate(ctx, conn)) }
	}
	return config, nil
}

func advisedOn(refused error) error {
	if refused == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", refused, readOnlyAdvice)
}

const readOnlyAdvice = "this server is read-only; connect to the primary, for example by naming all servers and " +
	"target_session_attrs=read-write in the URL; or the role or the database has default_transaction_read_only on"

func openSQLite(ctx context.Context, db cli.Database, opts Options) (*Opened, error) {
	if _, err := os.Stat(db.Path()); err != nil {
		return nil, fmt.Errorf("the database file: %s: %w", cli.Shown(db.Path()), cli.Reason(err))
	}
	options := []sqlite.Option{sqlite.WithTable(db.Table.Name)}
	if opts.ReadOnly {
		options = append(options, sqlite.WithReadOnly())
	}
	s, err := sqlite.Open(ctx, db.URL, options...)
	if err != nil {
		return nil, Advised(err)
	}
	query := func(ctx context.Context, query string, args []any, scan ...any) (err error) {
		reader, err := sql.Open("sqlite", "file:"+(&url.URL{Path: db.Path()}).EscapedPath()+"?mode=ro&_pragma=busy_timeout(5000)")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, reader.Close()) }()
		return reader.QueryRowContext(ctx, query, args...).Scan(scan...)
	}
	return &Opened{Store: s, Close: func() { _ = s.Close() }, query: query, text: dialect{
		table: db.Table.Quoted(), now: "unixepoch('subsec') * 1000", less: " - ?1", mark: func(n int) string { return "?" + strconv.Itoa(n) }, data: "data",
		age: func(d time.Duration) any { return d.Milliseconds() },
		key: func(key store.Handle) any { return key[:] },
	}}, nil
}

// Advised adds what to do about an error.
func Advised(err error) error {
	var state *pgconn.PgError
	switch {
	case errors.Is(err, sqlite.ErrNoTable):
		return fmt.Errorf("%w, or name the table with --table", err)
	case errors.As(err, &state) && state.Code == "42P01":
		return fmt.Errorf("%w: run sessions-migrate up first, or name the table with --table and --schema", err)
	case errors.As(err, &state) && state.Code == "42501":
		return fmt.Errorf("%w: the role needs the right to connect, usage on the schema, and select and delete on the "+
			"table, to revoke also update", err)
	case errors.As(err, &state) && state.Code == "25006":
		return fmt.Errorf("%w: %s", err, readOnlyAdvice)
	}
	return err
}
