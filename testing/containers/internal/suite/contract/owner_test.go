package contract_test

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

const (
	logins = 64
	limit  = 3
)

// nodes returns stores that share nothing but the database, as processes do.
func nodes(t *testing.T, db *containers.Database, n int) []*postgres.Store {
	t.Helper()
	var all []*postgres.Store
	for range n {
		config, err := pgxpool.ParseConfig(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pgstore.New(t, pgstore.Pool(t, config)))
	}
	return all
}

// login gives a new session to the owner, within the limit.
func login(t *testing.T, s store.Store, endOldest bool) error {
	owner := "ada"
	ref := pgstore.Ref()
	ref.Policy.Owner = store.OwnerLimit{Max: limit, EndOldest: endOldest}
	_, err := s.Create(t.Context(), ref, store.Change{Owner: &owner})
	return err
}

func left(t *testing.T, db *containers.Database) int {
	t.Helper()
	return pgstore.Count(t, db.Pool, "select count(*) from sessions where owner = 'ada'")
}

// Of many parallel logins on several nodes exactly as many get in as the limit allows.
func TestParallelLoginsAreRefusedBeyondTheLimit(t *testing.T) {
	db := containers.Postgres(t)
	stores := nodes(t, db, 4)
	var accepted atomic.Int64
	together(t, logins, func(n int) error {
		err := login(t, stores[n%len(stores)], false)
		if err == nil {
			accepted.Add(1)
		} else if errors.Is(err, store.ErrOwnerLimit) {
			err = nil
		}
		return err
	})
	if accepted.Load() != limit || left(t, db) != limit {
		t.Errorf("%d were accepted and %d are left", accepted.Load(), left(t, db))
	}
}

// Where the oldest make room every login gets in, and the limit holds all the same.
func TestParallelLoginsEndTheOldest(t *testing.T) {
	db := containers.Postgres(t)
	stores := nodes(t, db, 4)
	together(t, logins, func(n int) error { return login(t, stores[n%len(stores)], true) })
	if left(t, db) != limit {
		t.Errorf("%d sessions are left", left(t, db))
	}
}
