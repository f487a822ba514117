package migrate_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// A service on Postgres migrates before it opens its pool. One that was rolled back goes on with the newer database.
func ExampleOpen() {
	// import _ "github.com/jackc/pgx/v5/stdlib"
	ctx := context.Background()
	m, err := migrate.Open(ctx, "postgres://app@db.internal/app", migrate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(ctx); err != nil && !errors.Is(err, migrate.ErrNewer) {
		log.Fatal(err)
	}
}

// A pipeline stops before a rollout that the database is not ready for.
func ExampleMigrator_Check() {
	ctx := context.Background()
	m, err := migrate.Open(ctx, "postgres://app@db.internal/app", migrate.Options{Table: "web_sessions"})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	switch err := m.Check(ctx); {
	case errors.Is(err, migrate.ErrBehind):
		log.Fatal("migrate first: ", err)
	case err != nil:
		log.Fatal(err)
	}
}

// Another tool runs the migrations.
func ExampleExport() {
	opts := migrate.Options{Dialect: migrations.Postgres}
	files, err := migrate.Export(opts, migrate.GolangMigrate, migrate.Latest, "000042")
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range files {
		fmt.Println(f.Name, strings.Contains(f.Text, `insert into "sessions_migrations"`))
	}
	// Output:
	// 000042_sessions.up.sql true
	// 000042_sessions.down.sql false
}

// A sessions table beside the application's own, in its SQLite file.
func ExampleUpSQLite() {
	var db *sql.DB // the application's
	if err := migrate.UpSQLite(context.Background(), db, "web_sessions"); err != nil {
		log.Fatal(err)
	}
}
