package contract_test

import (
	"context"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// What has expired is ErrExpired to every method, whoever asks, as it is in a store that judges by Record.Open.
func TestWhatHasExpiredIsSaidToEverybody(t *testing.T) {
	db := containers.Postgres(t)
	for batching, opts := range batchings() {
		s := pgstore.New(t, db.Pool, opts...)
		pgstore.Fill(t, db.Pool, 0, 1, -time.Minute, -time.Minute)
		ref := pgstore.Numbered(0)
		ref.Hash[0]++
		none := func(store.Record) (store.Change, error) { return store.Change{}, nil }
		for method, call := range map[string]func(context.Context) error{
			"Load":       func(ctx context.Context) error { _, err := s.Load(ctx, ref); return err },
			"Save":       func(ctx context.Context) error { _, err := s.Save(ctx, ref, store.Change{}); return err },
			"SaveLocked": func(ctx context.Context) error { _, err := s.SaveLocked(ctx, ref, none); return err },
			"Touch":      func(ctx context.Context) error { _, err := s.Touch(ctx, ref); return err },
		} {
			together(t, 8, func(int) error {
				if err := call(t.Context()); err != store.ErrExpired {
					t.Errorf("%s, %s: %v", batching, method, err)
				}
				return nil
			})
		}
		if _, err := db.Pool.Exec(t.Context(), "truncate sessions"); err != nil {
			t.Fatal(err)
		}
	}
}
