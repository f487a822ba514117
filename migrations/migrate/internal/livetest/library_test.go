package livetest

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/pressly/goose/v3"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// An application that runs goose itself, with its own files, Go migrations in goose's global registry, and its default
// table: neither sees the other's versions.
func TestApplicationsOwnGoose(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "s.db"))
	goose.AddNamedMigrationContext("00002_app.go", func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "create table app_go (a)")
		return err
	}, nil)
	t.Cleanup(goose.ResetGlobalMigrations)
	application := func() {
		t.Helper()
		files := fstest.MapFS{"00001_app.sql": {Data: []byte("-- +goose Up\ncreate table app (a);\n")}}
		p, err := goose.NewProvider(goose.DialectSQLite3, db, files)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ours := func() {
		t.Helper()
		if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite}); err != nil {
			t.Fatal(err)
		}
	}
	application()
	ours()
	application()
	ours()
	if got := text(t, db, "select group_concat(version_id) from goose_db_version"); got != "0,1,2" {
		t.Errorf("the application's versions are %s", got)
	}
	if got := text(t, db, "select group_concat(version_id) from sessions_migrations"); got != "0,1" {
		t.Errorf("ours are %s", got)
	}
}

// Migrators of one process on one file, each with a handle of its own that knows nothing of waiting.
func TestManyInOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	var wg sync.WaitGroup
	for range 16 {
		db := openSQLite(t, path)
		wg.Go(func() {
			if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := text(t, openSQLite(t, path), "select group_concat(version_id) from sessions_migrations"); got != "0,1" {
		t.Errorf("versions are %s", got)
	}
}

// A handle is left as it was: with a connection that is in no transaction.
func TestHandleCanBeUsedAfterwards(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "s.db"))
	db.SetMaxOpenConns(1)
	if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite}); err != nil {
		t.Fatal(err)
	}
	text(t, db, "select 'x'")
	tx, err := db.Begin()
	if err != nil {
		t.Fatalf("Begin after Up: %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

// What the caller has opened stays open.
func TestCloseLeavesTheCallersDatabase(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "s.db"))
	m, err := migrate.New(db, migrate.Options{Dialect: migrations.SQLite})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(m.Close(), db.Ping()); err != nil {
		t.Error(err)
	}
}

// A migration that fails in its last statement leaves nothing of the ones before, and no lock.
func TestFailureLeavesNothing(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "s.db"))
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("create table sessions_owner_idx (a)"); err != nil {
		t.Fatal(err)
	}
	m, err := migrate.New(db, migrate.Options{Dialect: migrations.SQLite})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "sessions_owner_idx") {
		t.Fatalf("Up = %v", err)
	}
	if got := text(t, db, "select group_concat(name) from sqlite_schema"); got != "sessions_owner_idx" {
		t.Errorf("there is %s", got)
	}
	if _, err := db.Exec("drop table sessions_owner_idx"); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A context that ends while another connection holds the lock.
func TestCancelledWhileItWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	other := openSQLite(t, path)
	other.SetMaxOpenConns(1)
	if _, err := other.Exec("create table app (a); begin immediate"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	db := openSQLite(t, path)
	go func() { ended <- migrate.Up(ctx, db, migrate.Options{Dialect: migrations.SQLite}) }()
	cancel()
	if err := <-ended; err == nil {
		t.Error("Up succeeded beside a writer")
	}
	if _, err := other.Exec("rollback"); err != nil {
		t.Fatal(err)
	}
	if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite}); err != nil {
		t.Errorf("Up afterwards = %v", err)
	}
}

func TestDownNeedsToBeTold(t *testing.T) {
	m := open(t, "sqlite:"+filepath.Join(t.TempDir(), "s.db"), migrate.Options{})
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, down := range []func() ([]migrate.Step, error){
		func() ([]migrate.Step, error) { return m.Down(t.Context()) },
		func() ([]migrate.Step, error) { return m.DownTo(t.Context(), 0) },
	} {
		if _, err := down(); !errors.Is(err, migrate.ErrDropsData) {
			t.Errorf("it returned %v, want ErrDropsData", err)
		}
	}
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, url := range []string{"", "x", "mysql://h/d", "sqlite:", "sqlite://h/d", "sqlite::memory:", "sqlite:a\x00b", "file:x",
		"sqlite:postgres://u:s3cret@h/d", "postgres://u:12345/s3cret@h/d"} {
		_, err := migrate.Open(t.Context(), url, migrate.Options{})
		if err == nil || strings.Contains(err.Error(), "must import it") || strings.Contains(err.Error(), "s3c") {
			t.Errorf("Open(%q) = %v", url, err)
		}
	}
	_, err := migrate.Open(t.Context(), "postgres://app:s3cret@h/d", migrate.Options{})
	if err == nil || !strings.Contains(err.Error(), "must import it") || strings.Contains(err.Error(), "s3c") {
		t.Errorf("without a driver, Open = %v", err)
	}
}
