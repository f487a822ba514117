package contract_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// isolated returns a store whose transactions are of that level unless they say otherwise, as where it is the database's
// default.
func isolated(t *testing.T, url, level string) *postgres.Store {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = level
	return pgstore.New(t, pgstore.Pool(t, config))
}

// Nodes that save and touch the same sessions at once all get through, whatever the database's default isolation.
func TestNodesMeetUnderAnyIsolation(t *testing.T) {
	const nodes, rounds, sessions = 4, 40, 3
	for _, level := range []string{"repeatable read", "serializable"} {
		t.Run(level, func(t *testing.T) {
			db := containers.Postgres(t)
			refs := make([]store.Ref, sessions)
			for i := range refs {
				refs[i] = pgstore.Created(t, db.Store, store.Change{})
			}
			stores := make([]*postgres.Store, nodes)
			for i := range stores {
				stores[i] = isolated(t, db.URL, level)
			}
			together(t, 2*nodes, func(n int) error { return meet(t, stores[n/2], refs, n, rounds) })
			for _, ref := range refs {
				if r, err := db.Store.Load(t.Context(), ref); err != nil || r.Version != 1+rounds*nodes {
					t.Errorf("version %d, %v", r.Version, err)
				}
			}
		})
	}
}

// meet saves all sessions in turn, where n is even, or touches them together.
func meet(t *testing.T, s *postgres.Store, refs []store.Ref, n, rounds int) error {
	for range rounds {
		if n%2 == 1 {
			if err := s.TouchAll(t.Context(), refs); err != nil {
				return err
			}
			continue
		}
		for _, ref := range refs {
			change := pgstore.Set(fmt.Sprint("from ", n), "1")
			change.Extend = true
			if _, err := s.Save(t.Context(), ref, change); err != nil {
				return err
			}
		}
	}
	return nil
}
