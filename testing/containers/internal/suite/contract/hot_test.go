package contract_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// counters are what the server has counted of a table and its partitions.
func counters(t *testing.T, pool *pgxpool.Pool) (updates, hot int) {
	t.Helper()
	const sql = `select coalesce(sum(n_tup_upd), 0)::int, coalesce(sum(n_tup_hot_upd), 0)::int
		from pg_stat_user_tables where relname like 'sessions%' and relname not like '%migrations'`
	if err := pool.QueryRow(t.Context(), sql).Scan(&updates, &hot); err != nil {
		t.Fatal(err)
	}
	return updates, hot
}

// Saves that leave the expiry alone write no index entry, though their sessions have an owner and a tag, each with an index:
// at least 95 in 100 are heap-only.
func TestSavesAreHeapOnly(t *testing.T) {
	const sessions, callers, saves = 5_000, 64, 150
	for table, opts := range tables() {
		t.Run(table, func(t *testing.T) {
			db := containers.Postgres(t, opts...)
			const named = `alter table sessions alter owner set default 'ann', alter tag set default 'sid:' || gen_random_uuid()`
			if _, err := db.Pool.Exec(t.Context(), named); err != nil {
				t.Fatal(err)
			}
			pgstore.Fill(t, db.Pool, 0, sessions, time.Hour, 2*time.Hour)
			if n := pgstore.Count(t, db.Pool, "select count(distinct tag) from sessions where owner = 'ann'"); n != sessions {
				t.Fatalf("%d sessions have a tag", n)
			}
			s, end := ownPool(t, db.URL)
			together(t, callers, func(int) error {
				for range saves {
					ref := pgstore.Numbered(rand.IntN(sessions))
					if _, err := s.Save(t.Context(), ref, pgstore.Set("visits", "12345")); err != nil {
						return err
					}
				}
				return nil
			})
			end() // a server process tells what it has counted when it ends
			updates, hot := 0, 0
			eventually(t, func() bool {
				// Two callers that save one session at once may share an update.
				updates, hot = counters(t, db.Pool)
				return updates >= callers*saves*99/100
			})
			t.Logf("%d of %d updates were heap-only", hot, updates)
			if hot*100 < updates*95 {
				t.Errorf("%d of %d updates were heap-only", hot, updates)
			}
		})
	}
}

// ownPool returns a store on a pool of its own, and a function that closes that.
func ownPool(t *testing.T, url string) (*postgres.Store, func()) {
	t.Helper()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	pool := pgstore.Pool(t, config)
	return pgstore.New(t, pool), pool.Close
}

// eventually waits for what the server does in its own time.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not come about")
		}
	}
}
