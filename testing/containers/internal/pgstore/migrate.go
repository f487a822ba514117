package pgstore

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that migrates

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// Migrate makes the table in a database that package containers has not made.
func Migrate(tb testing.TB, url string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	db, err := sql.Open("pgx", url)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres}); err != nil {
		tb.Fatalf("migrating: %v", err)
	}
}
