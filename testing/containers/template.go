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
