package store

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// full is what every store of this module does.
type full interface {
	store.Store
	store.Locker
	store.Inspector
	store.Toucher
	store.Finder
	store.Collector
}

// subject is a store under test.
type subject struct {
	full
	advance func(time.Duration)
	clear   func() // deletes all rows
}

func newMemory() *subject {
	m := memstore.New()
	s := &subject{full: m, advance: m.Advance}
	s.clear = func() { *s = *newMemory() }
	return s
}

func newSQLite(t *testing.T, opts ...sqlite.Option) *subject {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sessions.db")
	s, err := sqlite.Open(t.Context(), path, append(opts, sqlite.WithMigrate(migrate.UpSQLite))...)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.OpenDB(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	edit := func(query string, args ...any) {
		if _, err := db.ExecContext(context.Background(), query, args...); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	return &subject{
		full: s,
		advance: func(d time.Duration) {
			edit(`update sessions set created_at = created_at - ?1, accessed_at = accessed_at - ?1, expires_at = expires_at - ?1,
				rotated_at = rotated_at - ?1, authenticated_at = authenticated_at - ?1`,
				d.Milliseconds())
		},
		clear: func() { edit(`delete from sessions`) },
	}
}
