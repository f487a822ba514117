package contract_test

import (
	"context"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// Where the application opts in, other processes are told of each session whose data changed, once, whichever statement
// a save took.
func TestSavesAreToldToOtherProcesses(t *testing.T) {
	const callers = 32
	for batching, opts := range batchings() {
		for kind, change := range map[string]store.Change{
			"set":                   pgstore.Set("a", "1"),
			"clear, set and extend": {Clear: true, Extend: true, Set: pgstore.Set("a", "1").Set},
		} {
			t.Run(batching+", "+kind, func(t *testing.T) {
				t.Parallel()
				db := containers.Postgres(t, pgstore.Unchecked())
				s := pgstore.New(t, db.Pool, append(opts, postgres.WithChangeNotifications())...)
				refs := make([]store.Ref, callers)
				for i := range refs {
					refs[i] = pgstore.Created(t, s, store.Change{})
				}
				told := changes(t, pgstore.New(t, db.Pool))
				together(t, callers, func(n int) error {
					_, err := s.Save(t.Context(), refs[n], change)
					return err
				})
				want := map[store.Handle]bool{}
				for _, ref := range refs {
					want[ref.Key] = true
				}
				for len(want) > 0 {
					select {
					case key := <-told:
						if !want[key] {
							t.Errorf("told of %v, again or of one that was not saved", key)
						}
						delete(want, key)
					case <-time.After(20 * time.Second):
						t.Fatalf("not told of %d sessions", len(want))
					}
				}
			})
		}
	}
}

// changes passes on of which changes the store tells from now on.
func changes(t *testing.T, s *postgres.Store) <-chan store.Handle {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	missed, told := make(chan struct{}, 2), make(chan store.Handle, 1000)
	go func() {
		_ = s.Watch(ctx, func(e store.Event) {
			switch e.Kind {
			case store.Missed:
				missed <- struct{}{}
			case store.Changed:
				told <- e.Key
			}
		})
	}()
	<-missed // at the beginning
	<-missed // once it listens
	return told
}
