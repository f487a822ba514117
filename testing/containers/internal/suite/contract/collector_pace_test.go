package contract_test

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

const paced = 20_000 // rows, which a collector that is alone deletes within a second

// While others are at work in the database a collector gets nowhere near the end of what it does at once where it is
// alone, or told not to mind.
func TestACollectorMakesWayForOthers(t *testing.T) {
	db := containers.Postgres(t)
	other := pgstore.New(t, anotherPool(t, db, ""))
	pgstore.Fill(t, db.Pool, 0, paced, -time.Hour, -time.Minute)
	pgstore.Fill(t, db.Pool, paced, paced+1, time.Hour, 2*time.Hour)
	alive := pgstore.Numbered(paced)

	stop := keepLoading(t, other, alive)
	beside := runFor(t, db.Store, store.CollectOptions{Batch: 100, MaxDuration: time.Second})
	stop()
	if beside.Stopped != store.StopMaxDuration || beside.Deleted == 0 {
		t.Errorf("beside loads: %+v", beside)
	}
	alone := runFor(t, db.Store, store.CollectOptions{Batch: 100, MaxDuration: time.Minute})
	if alone.Stopped != store.StopDone || alone.Deleted != paced-beside.Deleted {
		t.Errorf("alone: %+v", alone)
	}

	pgstore.Fill(t, db.Pool, 0, paced, -time.Hour, -time.Minute)
	defer keepLoading(t, other, alive)()
	hurry := runFor(t, db.Store, store.CollectOptions{Batch: 100, MaxDuration: time.Minute, Pause: -1})
	if hurry.Stopped != store.StopDone {
		t.Errorf("without pauses: %+v", hurry)
	}
}

// Of another role's connection the server does not tell whether it is at work.
func TestACollectorMakesWayForWhomItCannotSee(t *testing.T) {
	db := containers.Postgres(t)
	role := "collector_" + strings.ToLower(rand.Text())
	admin(t, db, `create role `+role+` login password 'p'`)
	admin(t, db, `grant select, delete on sessions to `+role)
	limited := pgstore.New(t, anotherPool(t, db, role))
	pgstore.Fill(t, db.Pool, 0, paced, -time.Hour, -time.Minute)

	report := runFor(t, limited, store.CollectOptions{Batch: 100, MaxDuration: time.Second})
	if report.Stopped != store.StopMaxDuration || report.Deleted == 0 {
		t.Errorf("beside the connection of another role: %+v", report)
	}
}

// anotherPool has connections of its own, as the role if one is given.
func anotherPool(t *testing.T, db *containers.Database, role string) *pgxpool.Pool {
	t.Helper()
	config := db.Pool.Config()
	if role != "" {
		config.ConnConfig.User, config.ConnConfig.Password = role, "p"
	}
	return pgstore.Pool(t, config)
}

func admin(t *testing.T, db *containers.Database, sql string) {
	t.Helper()
	if _, err := db.Pool.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func runFor(t *testing.T, s *postgres.Store, opts store.CollectOptions) store.CollectReport {
	t.Helper()
	report, err := s.Collect(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// keepLoading has a session loaded over and over until it is told to stop, beginning before it returns.
func keepLoading(t *testing.T, s store.Store, ref store.Ref) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	load := func() bool {
		_, err := s.Load(ctx, ref)
		if err != nil && ctx.Err() == nil {
			t.Errorf("loading beside a collector: %v", err)
		}
		return err == nil
	}
	load()
	var wg sync.WaitGroup
	wg.Go(func() {
		for load() {
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}
