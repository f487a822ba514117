package livetest

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

func open(t *testing.T, url string, opts migrate.Options) *migrate.Migrator {
	t.Helper()
	m, err := migrate.Open(t.Context(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestSQLiteUpAndDown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c.db")
	m := open(t, "sqlite:"+path, migrate.Options{DropData: true})
	if err := m.Check(t.Context()); !errors.Is(err, migrate.ErrBehind) {
		t.Fatalf("Check before Up = %v, want ErrBehind", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("Check made the file")
	}
	steps, err := m.Up(t.Context())
	if err != nil || len(steps) != 1 {
		t.Fatalf("Up = %v, %v", steps, err)
	}
	if err := m.Check(t.Context()); err != nil {
		t.Fatalf("Check after Up = %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file mode %v, %v; want 0600", info.Mode(), err)
	}
	if steps, err := m.Up(t.Context()); err != nil || len(steps) != 0 {
		t.Errorf("second Up = %v, %v; want nothing to do", steps, err)
	}
	if steps, err := m.Down(t.Context()); err != nil || len(steps) != 1 {
		t.Errorf("Down = %v, %v", steps, err)
	}
	if err := m.Check(t.Context()); !errors.Is(err, migrate.ErrBehind) {
		t.Errorf("Check after Down = %v, want ErrBehind", err)
	}
}

func TestSQLiteFileSettings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.db")
	if _, err := open(t, "sqlite:"+path, migrate.Options{}).Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	db := openSQLite(t, path)
	if got := text(t, db, "pragma journal_mode"); got != "wal" {
		t.Errorf("journal_mode %s, want wal", got)
	}
	if got := text(t, db, "pragma auto_vacuum"); got != "2" {
		t.Errorf("auto_vacuum %s, want 2 (incremental)", got)
	}
}

// A handle that has put an empty file into WAL mode has written its first page, after which auto_vacuum needs a VACUUM.
func TestSQLiteUpOnACallersHandle(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "s.db"))
	db.SetMaxOpenConns(1)
	text(t, db, "pragma journal_mode=wal")
	if err := migrate.Up(t.Context(), db, migrate.Options{Dialect: migrations.SQLite, Table: "web"}); err != nil {
		t.Fatal(err)
	}
	if got := text(t, db, "pragma auto_vacuum"); got != "2" {
		t.Errorf("auto_vacuum %s, want 2 (incremental)", got)
	}
	if got := text(t, db, "select group_concat(version_id) from web_migrations"); got != "0,1" {
		t.Errorf("versions %s, want 0,1", got)
	}
}

func openSQLite(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func text(t *testing.T, db *sql.DB, query string) (s string) {
	t.Helper()
	if err := db.QueryRowContext(context.Background(), query).Scan(&s); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return s
}

func TestAFileInUTF16IsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "wide.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("pragma encoding = 'UTF-16'; create table notes (x)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m := open(t, "sqlite:"+path, migrate.Options{})
	if _, err := m.Up(t.Context()); err == nil || !strings.Contains(err.Error(), "UTF-8") {
		t.Errorf("Up = %v", err)
	}
}

// A folder that is a symbolic link is followed before .. is.
func TestAPathIsTheOperatingSystems(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "real", "sub")
	if err := errors.Join(os.MkdirAll(sub, 0o755), os.Symlink(sub, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	m := open(t, "sqlite:"+dir+"/link/../y.db", migrate.Options{})
	if _, err := m.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "real", "y.db")); err != nil {
		t.Error(err)
	}
}
