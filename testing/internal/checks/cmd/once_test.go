package cmd

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// starters is how many processes migrate one database at once.
const starters = 8

// TestOnceSQLite: of many processes that migrate a fresh file at once, one does it and none fails. SESSIONS_MIGRATE_ROUNDS
// says how often, 200 for a full run.
func TestOnceSQLite(t *testing.T) {
	for range rounds(t, "SESSIONS_MIGRATE_ROUNDS", 5) {
		file := filepath.Join(t.TempDir(), "live.db")
		once(t, "sqlite:"+file, nil)
		if n := number(t, "sqlite", file, "select count(*) from sessions_migrations where version_id = 1"); n != 1 {
			t.Fatalf("version 1 was recorded %d times", n)
		}
	}
}

// TestOncePostgres is TestOnceSQLite on Postgres.
func TestOncePostgres(t *testing.T) {
	for range rounds(t, "SESSIONS_MIGRATE_ROUNDS", 5) {
		url := database(t)
		once(t, url, nil)
		if n := number(t, "pgx", url, "select count(*) from sessions_migrations where version_id = 1"); n != 1 {
			t.Fatalf("version 1 was recorded %d times", n)
		}
	}
}

// TestOnceSchema: whoever names the schema and whoever leaves it to the server are kept apart too.
func TestOnceSchema(t *testing.T) {
	for range rounds(t, "SESSIONS_MIGRATE_ROUNDS", 5) {
		once(t, database(t), []string{"--schema", "public"})
	}
}

// once starts many processes, every second one with more arguments.
func once(t *testing.T, url string, more []string) {
	t.Helper()
	var running []*process
	for i := range starters {
		args := []string{"up"}
		if i%2 == 1 {
			args = append(args, more...)
		}
		running = append(running, start(t, url, "sessions-migrate", args...))
	}
	applied := 0
	for _, p := range running {
		if code := p.code(t); code != 0 {
			t.Errorf("exit code %d: %s", code, p.stderr.String())
		}
		applied += strings.Count(p.stdout.String(), "applied")
	}
	if applied != 1 {
		t.Fatalf("%d processes say that they applied it", applied)
	}
	succeed(t, url, "sessions-migrate", "check")
}

// TestKilledSQLite: a migration that is killed at any point can be run again at once.
func TestKilledSQLite(t *testing.T) {
	for i := range rounds(t, "SESSIONS_KILL_ROUNDS", 10) {
		killed(t, "sqlite:"+filepath.Join(t.TempDir(), fmt.Sprintf("%d.db", i)))
	}
}

// TestKilledPostgres is TestKilledSQLite on Postgres.
func TestKilledPostgres(t *testing.T) {
	for range rounds(t, "SESSIONS_KILL_ROUNDS", 10) {
		killed(t, database(t))
	}
}

func killed(t *testing.T, url string) {
	t.Helper()
	p := start(t, url, "sessions-migrate", "up")
	time.Sleep(rand.N(60 * time.Millisecond)) // any point will do: before, within or after
	_ = p.Process.Kill()
	p.code(t)
	succeed(t, url, "sessions-migrate", "up")
	succeed(t, url, "sessions-migrate", "check")
}
