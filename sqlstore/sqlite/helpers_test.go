package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
)

// migrated makes the table as the migrations do. It runs their SQL itself: the tests of a package that users import
// must not make them download a migration tool.
func migrated(table string) Option {
	return WithMigrate(func(ctx context.Context, db *sql.DB, _ string) error {
		text, err := upSQL(table)
		if err != nil {
			return err
		}
		var n int
		err = db.QueryRowContext(ctx, "select count(*) from sqlite_schema where name = ?", table).Scan(&n)
		if err != nil || n > 0 {
			return err
		}
		_, err = db.ExecContext(ctx, text)
		return err
	})
}

func upSQL(table string) (string, error) {
	files, err := migrations.Render(migrations.SQLite, "", table)
	if err != nil {
		return "", err
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return "", err
	}
	var all strings.Builder
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		up, _, _ := strings.Cut(string(text), "-- +goose Down")
		all.WriteString(up)
	}
	return all.String(), nil
}

func newPath(t testing.TB) string { return filepath.Join(t.TempDir(), "sessions.db") }

// open returns a store on the file at path, migrated, closed with the test.
func open(t testing.TB, path string, opts ...Option) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, append([]Option{migrated("sessions")}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// edit runs SQL on the store's database behind its back.
func edit(t testing.TB, s *Store, query string, args ...any) {
	t.Helper()
	db := sql.OpenDB(connector{s.at.dsn(writing, time.Minute, "")})
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("pragma ignore_check_constraints = on"); err != nil {
		t.Error(err)
	}
	if _, err := db.Exec(query, args...); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

func newRef() store.Ref {
	ref := store.Ref{Policy: store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour},
		Step:     time.Minute, Grace: 30 * time.Second, MaxBytes: 1 << 20,
	}}
	_, _ = rand.Read(ref.Key[:])
	_, _ = rand.Read(ref.Hash[:])
	return ref
}

func set(key, value string) store.Change {
	return store.Change{Set: map[string]json.RawMessage{key: json.RawMessage(value)}}
}

func created(t testing.TB, s *Store, change store.Change) store.Ref {
	t.Helper()
	ref := newRef()
	if _, err := s.Create(t.Context(), ref, change); err != nil {
		t.Fatal(err)
	}
	return ref
}
