package failure_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// patience is when a call that should have been bounded counts as hanging.
const patience = 20 * time.Second

// bounded calls fn and fails the test where it does not return.
func bounded(t *testing.T, what string, fn func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- fn() }()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Errorf("%s hangs", what)
		return nil
	}
}

// broken fails where err is none, or an answer about the session: a database out of reach says nothing of it.
func broken(t *testing.T, what string, err error) {
	t.Helper()
	answers := []error{session.ErrGone, store.ErrConflict, store.ErrExists, session.ErrTooLarge, session.ErrCorrupt}
	for _, answer := range answers {
		if err == nil || errors.Is(err, answer) {
			t.Errorf("%s of a database out of reach: %v", what, err)
			return
		}
	}
}

// operations are all that a request may ask of a store.
func operations(ref store.Ref) map[string]func(context.Context, session.Store) error {
	return map[string]func(context.Context, session.Store) error{
		"load":   func(ctx context.Context, s session.Store) error { _, err := s.Load(ctx, ref); return err },
		"touch":  func(ctx context.Context, s session.Store) error { _, err := s.Touch(ctx, ref); return err },
		"save":   func(ctx context.Context, s session.Store) error { return saveOne(ctx, s, ref) },
		"create": func(ctx context.Context, s session.Store) error { return createOne(ctx, s) },
		"delete": func(ctx context.Context, s session.Store) error { return s.Delete(ctx, pgstore.Ref()) },
	}
}

func saveOne(ctx context.Context, s session.Store, ref store.Ref) error {
	_, err := s.Save(ctx, ref, pgstore.Set("a", "1"))
	return err
}

func createOne(ctx context.Context, s session.Store) error {
	_, err := s.Create(ctx, pgstore.Ref(), pgstore.Set("a", "1"))
	return err
}

// stores are those of one database through a proxy, with their callers alone and in batches.
func batchings() map[string]postgres.Option {
	return map[string]postgres.Option{"alone": postgres.WithoutBatching(), "batches": postgres.WithBatching(1, 16)}
}

// A network that swallows packets costs every caller an error in a bounded time, and nothing once it is back.
func TestSwallowedPacketsBoundCalls(t *testing.T) {
	const callers = 8
	for batching, option := range batchings() {
		t.Run(batching, func(t *testing.T) {
			t.Parallel()
			db := containers.Postgres(t)
			proxy, url := proxied(t, db.URL)
			s := pgstore.New(t, pool(t, url, 4), option, postgres.WithTimeout(time.Second))
			ref := pgstore.Created(t, s, store.Change{})
			proxy.Swallow()
			var wg sync.WaitGroup
			for name, operation := range operations(ref) {
				for range callers {
					wg.Go(func() {
						broken(t, name, bounded(t, name, func() error { return operation(context.Background(), s) }))
					})
				}
			}
			wg.Wait()
			proxy.Heal()
			worksAgain(t, s, ref)
		})
	}
}

// worksAgain waits until each operation succeeds.
func worksAgain(t *testing.T, s session.Store, ref store.Ref) {
	t.Helper()
	for name, operation := range operations(ref) {
		var err error
		for deadline := time.Now().Add(patience); ; {
			if err = operation(context.Background(), s); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s does not work again: %v", name, err)
			}
		}
	}
}

// A caller that gives up returns at once, and those who wait beside it are served.
func TestACallerWhoGivesUpHarmsNobody(t *testing.T) {
	db := containers.Postgres(t)
	proxy, url := proxied(t, db.URL)
	s := pgstore.New(t, pool(t, url, 4), postgres.WithBatching(1, 16))
	var refs []store.Ref
	for range 32 {
		refs = append(refs, pgstore.Created(t, s, store.Change{}))
	}
	proxy.Delay(200)
	var wg sync.WaitGroup
	for i, ref := range refs {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		wg.Go(func() {
			err := bounded(t, "save", func() error { return saveOne(ctx, s, ref) })
			if i%2 == 1 && err != nil {
				t.Errorf("a caller who waited: %v", err)
			}
		})
		if i%2 == 0 {
			cancel()
		}
	}
	wg.Wait()
}

// Connections that are cut with batches in flight lose no acknowledged save and make none twice.
func TestConnectionsCutInFlight(t *testing.T) {
	for batching, option := range batchings() {
		t.Run(batching, func(t *testing.T) {
			t.Parallel()
			db := containers.Postgres(t)
			proxy, url := proxied(t, db.URL)
			s := pgstore.New(t, pool(t, url, 4), option, postgres.WithTimeout(2*time.Second))
			w := startWriters(t, s, 32)
			for range 5 {
				w.waitForSaves(200)
				proxy.Cut()
				proxy.Mend()
			}
			w.waitForSaves(200)
			w.stop(db.Store)
		})
	}
}

// An acknowledgement that is lost leaves the outcome open: the caller is told so, and the save is not made a second time.
func TestALostAcknowledgement(t *testing.T) {
	for batching, option := range batchings() {
		for _, end := range []string{"silence", "cut"} {
			t.Run(fmt.Sprint(batching, ", ", end), func(t *testing.T) {
				t.Parallel()
				db := containers.Postgres(t)
				proxy, url := proxied(t, db.URL)
				s := pgstore.New(t, pool(t, url, 4), option, postgres.WithTimeout(2*time.Second))
				ref := pgstore.Created(t, s, store.Change{})
				if err := saveOne(t.Context(), s, ref); err != nil {
					t.Fatal(err)
				}
				proxy.SwallowAnswers()
				saved := make(chan error, 1)
				go func() { saved <- saveOne(context.Background(), s, ref) }()
				waitFor(t, func() bool { _, version := stored(t, db.Store, ref); return version >= 3 })
				if end == "cut" {
					proxy.Cut()
					proxy.Heal()
					proxy.Mend()
				}
				// A store that can tell may also find out that the save was made.
				if err := bounded(t, "save", func() error { return <-saved }); err != nil {
					broken(t, "save", err)
				}
				if _, version := stored(t, db.Store, ref); version != 3 {
					t.Errorf("after two saves the version is %d", version)
				}
			})
		}
	}
}
