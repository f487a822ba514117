package store

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"
	"time"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlitedb"
)

// hourly is a policy whose touches are due after a minute.
var hourly = store.Policy{
	Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}, Step: time.Minute, MaxBytes: 1 << 20,
}

// plain opens an application's database as a driver opens one by itself: with a rollback journal and no busy timeout.
func plain(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Without a write-ahead log a commit of somebody else keeps readers out. They wait for its end.
func TestReadsWaitForABusyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db, other := plain(t, path), plain(t, path)
	if err := migrate.UpSQLite(t.Context(), db, "sessions"); err != nil {
		t.Fatal(err)
	}
	s, err := sqlitedb.New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	ref := named(1)
	if _, err := s.Create(t.Context(), ref, store.Change{}); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(context.Context) error{
		"load":    func(ctx context.Context) error { _, err := s.Load(ctx, ref); return err },
		"touch":   func(ctx context.Context) error { _, err := s.Touch(ctx, ref); return err },
		"inspect": func(ctx context.Context) error { _, err := s.Inspect(ctx, []store.Handle{ref.Key}); return err },
		"find": func(ctx context.Context) error {
			_, err := s.Find(ctx, store.Selector{Key: ref.Key}, []string{"a"}, ref.Policy)
			return err
		},
		"collect": func(ctx context.Context) error {
			_, err := s.Collect(ctx, store.CollectOptions{DryRun: true})
			return err
		},
		"new": func(ctx context.Context) error { _, err := sqlitedb.New(ctx, db, ""); return err },
	} {
		if _, err := other.Exec("begin exclusive"); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		time.AfterFunc(20*time.Millisecond, func() { _, err := other.Exec("rollback"); over <- err })
		if err := read(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
	}
}
