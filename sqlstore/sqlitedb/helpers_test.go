package sqlitedb

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"github.com/simples-go/sessions/migrations"
)

// handle is an application's, without a busy handler.
func handle(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// migrate makes the table by the migrations' own SQL: the tests of a package that users import must not make them
// download a migration tool.
func migrate(t *testing.T, db *sql.DB) {
	t.Helper()
	files, err := migrations.Render(migrations.SQLite, "", migrations.DefaultTable)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		if _, err := db.Exec(up); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// open returns a store on a new file in rollback-journal mode.
func open(t *testing.T) *Store {
	t.Helper()
	db := handle(t, filepath.Join(t.TempDir(), "app.db"))
	migrate(t, db)
	s, err := New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
