package sqlitedb

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func newRef() store.Ref {
	return store.Ref{Key: store.Handle{1}, Hash: store.Hash{2}, Policy: store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}, Step: time.Minute, MaxBytes: 1 << 20,
	}}
}

// Without a write-ahead log a commit of somebody else keeps readers out. They wait for its end.
func TestReadsWaitForABusyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	db, other := handle(t, path), handle(t, path)
	other.SetMaxOpenConns(1)
	migrate(t, db)
	s, err := New(t.Context(), db, "")
	if err != nil {
		t.Fatal(err)
	}
	ref := newRef()
	if _, err := s.Create(t.Context(), ref, store.Change{Set: map[string]json.RawMessage{"a": json.RawMessage(`1`)}}); err != nil {
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
		"new": func(ctx context.Context) error { _, err := New(ctx, db, ""); return err },
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
