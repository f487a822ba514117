package gc

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/internal/pgurl"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// opened is a store with what the command needs of it.
type opened struct {
	store.Collector
	expired func(ctx context.Context, keep time.Duration) (int64, error) // rows that there are to delete
	close   func()
}

func open(ctx context.Context, db cli.Database, dryRun bool) (*opened, error) {
	if db.Dialect == migrations.SQLite {
		return openSQLite(ctx, db)
	}
	return openPostgres(ctx, db, dryRun)
}

// errUnreadable stands for the driver's parse error, which quotes the URL and parts of the password.
var errUnreadable = errors.New("the database URL does not parse, or has a setting with an impossible value; " +
	"characters such as @ : / ? # % in a user name or password must be percent-encoded")

func openPostgres(ctx context.Context, db cli.Database, dryRun bool) (*opened, error) {
	config, err := poolConfig(db.URL, dryRun)
	if err != nil {
		return nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	// A run is a few statements over and over: that no statement is prepared costs nothing, and suits every pooler.
	options := []postgres.Option{postgres.WithTable(db.Table.Name), postgres.WithoutPreparedStatements(), postgres.WithoutListen()}
	if db.Table.Schema != "" {
		options = append(options, postgres.WithSchema(db.Table.Schema))
	}
	store, err := postgres.New(pool, options...)
	if err != nil {
		pool.Close()
		return nil, err
	}
	count := func(ctx context.Context, keep time.Duration) (n int64, err error) {
		query := "select count(*) from " + db.Table.Quoted() + " where expires_at <= now() - $1::interval"
		err = pool.QueryRow(ctx, query, keep).Scan(&n)
		return n, err
	}
	return &opened{store, count, pool.Close}, nil
}

// poolConfig reads the URL and adds what it leaves open. Only a dry run is content with a server that refuses writes.
func poolConfig(url string, dryRun bool) (*pgxpool.Config, error) {
	if pgurl.Ambiguous(url) {
		return nil, errUnreadable
	}
	servers := pgurl.Writable
	if dryRun {
		servers = pgurl.Any
	}
	config, err := pgxpool.ParseConfig(pgurl.WithDefaults(url, servers))
	if err != nil {
		return nil, errUnreadable
	}
	conn := config.ConnConfig
	if conn.RuntimeParams["application_name"] == "" {
		conn.RuntimeParams["application_name"] = program
	}
	if validate := conn.ValidateConnect; validate != nil && !dryRun {
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

func openSQLite(ctx context.Context, db cli.Database) (*opened, error) {
	if _, err := os.Stat(db.Path()); err != nil {
		return nil, fmt.Errorf("the database file: %s: %w", cli.Shown(db.Path()), cli.Reason(err))
	}
	store, err := sqlite.Open(ctx, db.URL, sqlite.WithTable(db.Table.Name))
	if err != nil {
		return nil, advised(err)
	}
	count := func(ctx context.Context, keep time.Duration) (n int64, err error) {
		reader, err := sql.Open("sqlite", "file:"+(&url.URL{Path: db.Path()}).EscapedPath()+"?mode=ro")
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, reader.Close()) }()
		query := "select count(*) from " + db.Table.Quoted() + " where expires_at <= unixepoch('subsec') * 1000 - ?"
		err = reader.QueryRowContext(ctx, query, keep.Milliseconds()).Scan(&n)
		return n, err
	}
	return &opened{store, count, func() { _ = store.Close() }}, nil
}

// advised adds what to do about an error.
func advised(err error) error {
	var state *pgconn.PgError
	switch {
	case errors.Is(err, sqlite.ErrNoTable):
		return fmt.Errorf("%w, or name the table with --table", err)
	case errors.As(err, &state) && state.Code == "42P01":
		return fmt.Errorf("%w: run sessions-migrate up first, or name the table with --table and --schema", err)
	case errors.As(err, &state) && state.Code == "42501":
		return fmt.Errorf("%w: the role needs the right to connect, usage on the schema, and select and delete on the table", err)
	case errors.As(err, &state) && state.Code == "25006":
		return fmt.Errorf("%w: %s", err, readOnlyAdvice)
	}
	return err
}
