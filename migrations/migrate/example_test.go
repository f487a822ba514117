package migrate_test

import (
	"context"
	"database/sql"
	"fmt"
	"log"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// The program must import a driver: github.com/jackc/pgx/v5/stdlib for Postgres, modernc.org/sqlite for SQLite.
func ExampleOpen() {
	ctx := context.Background()
	m, err := migrate.Open(ctx, "postgres://app@db.example.com/app", migrate.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	applied, err := m.Up(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(applied), "migrations were applied")
}

// An application with a database handle of its own hands it over.
func ExampleUp() {
	var db *sql.DB // the application's
	err := migrate.Up(context.Background(), db, migrate.Options{Dialect: migrations.Postgres, Schema: "app"})
	if err != nil {
		log.Fatal(err)
	}
}

// A sessions table beside the application's own, in its SQLite file.
func ExampleUpSQLite() {
	var db *sql.DB // the application's
	if err := migrate.UpSQLite(context.Background(), db, "web_sessions"); err != nil {
		log.Fatal(err)
	}
}
