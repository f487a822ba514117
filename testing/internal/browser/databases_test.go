package browser

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // for migrate

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
)

// postgresVariable names the environment variable with the URL of a Postgres to test on, in place of a container.
const postgresVariable = "SESSIONS_TEST_POSTGRES_URL"

// onEach runs a test on each database. It is given the URL of an empty one.
func onEach(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, sqliteURL(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, postgresURL(t)) })
}

func postgresURL(t *testing.T) string {
	t.Helper()
	if url := os.Getenv(postgresVariable); url != "" {
		return inSchema(t, url)
	}
	return containers.Postgres(t, containers.WithoutMigrations()).URL
}

// migrated makes the table.
func migrated(t *testing.T, url string) {
	t.Helper()
	m, err := migrate.Open(t.Context(), url, migrate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// postgresStore returns a store on connections of its own, as each node has.
func postgresStore(t *testing.T, url string) *postgres.Store {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	store, err := postgres.New(pool)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// inSchema makes a schema for the test and returns the URL of connections that see no other.
func inSchema(t *testing.T, url string) string {
	t.Helper()
	name := "live_" + strings.ToLower(rand.Text()[:10])
	execute(t, url, "create schema "+name)
	t.Cleanup(func() { execute(t, url, "drop schema "+name+" cascade") })
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	return url + separator + "search_path=" + name
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("connecting to %s: %v", postgresVariable, err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
