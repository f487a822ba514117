package containers

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver that migrates

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// fillTemplate makes what every database of this configuration begins with.
func fillTemplate(ctx context.Context, url string, c config) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if c.schema != "" {
		if _, err := conn.Exec(ctx, "create schema if not exists "+pgx.Identifier{c.schema}.Sanitize()); err != nil {
			return fmt.Errorf("making the schema %s: %w", c.schema, err)
		}
	}
	if !c.empty {
		if err := migrateUp(ctx, url, c); err != nil {
			return err
		}
	}
	for _, p := range c.prepare {
		if err := p.fn(ctx, conn); err != nil {
			return fmt.Errorf("preparing %s: %w", p.name, err)
		}
	}
	return nil
}

func migrateUp(ctx context.Context, url string, c config) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres, Schema: c.schema, Table: c.table})
}

// atWork names the statements of those who are connected to a database and not idle. vacateIdle ends the others.
const (
	atWork = `select coalesce(string_agg(state || ': ' || left(query, 60), '; '), '') from pg_stat_activity
		where datname = $1 and backend_type = 'client backend' and state <> 'idle'`
	vacateIdle = `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = $1 and backend_type = 'client backend' and state = 'idle'`
)

// vacate ends the idle connections that a preparation has left to the template, as no copy can be made beside them. One
// that is at work, or in a transaction, is an error: what it does would be missing in the copies.
func (s *server) vacate(ctx context.Context, name string) error {
	return s.with(ctx, func(conn *pgx.Conn) error {
		var working string
		if err := conn.QueryRow(ctx, atWork, name).Scan(&working); err != nil {
			return fmt.Errorf("looking for connections to the template: %w", err)
		}
		if working != "" {
			return fmt.Errorf("a function given to WithPrepared has returned and left a connection at work on the template, "+
				"which cannot be copied then: end its transactions and close what it opens (%s)", working)
		}
		_, err := conn.Exec(ctx, vacateIdle, name)
		return err
	})
}
