// Command growth makes saves and touches of a number of sessions for a while, on Postgres, and says what that leaves: how
// many of the saves were HOT (in place, without a new entry in an index), and whether the table goes on growing.
//
//	go run ./testing/internal/bench/growth -database-url postgres://postgres@127.0.0.1:5432/bench
//
// By default it does what 100,000 sessions do in an hour, ten accesses and four saves each, within ten minutes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/internal/bench/internal/database"
)

type options struct {
	url            string
	sessions       int
	saves, touches int // of each session
	over           time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.url, "database-url", "", "postgres://…; its sessions are dropped")
	flag.IntVar(&o.sessions, "sessions", 100_000, "sessions")
	flag.IntVar(&o.saves, "saves", 4, "saves of each session")
	flag.IntVar(&o.touches, "touches", 10, "touches of each session, all of which are due")
	flag.DurationVar(&o.over, "over", 10*time.Minute, "how long to take for them, at least")
	flag.Parse()
	if err := o.run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

const (
	steps   = 10
	workers = 8
)

func (o *options) run(ctx context.Context, w io.Writer) error {
	if err := database.Fresh(ctx, o.url); err != nil {
		return err
	}
	pool, err := pgxpool.New(ctx, o.url)
	if err != nil {
		return errors.New("the database URL cannot be used")
	}
	defer pool.Close()
	var refs []store.Ref
	saves := 0
	for step := range steps + 1 {
		// The server knows of what a connection did once that is closed.
		err := o.connected(ctx, func(store store.Store) (err error) {
			if step == 0 {
				refs, err = create(ctx, store, o.sessions)
				return err
			}
			n, err := o.step(ctx, store, refs)
			saves += n
			return err
		})
		if err != nil {
			return err
		}
		if err := report(ctx, w, pool, step, saves); err != nil {
			return err
		}
	}
	return nil
}

func (o *options) connected(ctx context.Context, fn func(store.Store) error) error {
	store, done, err := database.Open(ctx, o.url)
	if err != nil {
		return err
	}
	defer done()
	return fn(store)
}

func create(ctx context.Context, st store.Store, n int) ([]store.Ref, error) {
	data := store.Change{Set: map[string]json.RawMessage{
		"name": json.RawMessage(`"` + strings.Repeat("x", 370) + `"`), "visits": json.RawMessage("1"),
	}}
	m, err := session.New(st, session.Config{CollectInterval: -1})
	if err != nil {
		return nil, err
	}
	refs := make([]store.Ref, n)
	err = together(func(worker int) error {
		for i := worker; i < n; i += workers {
			id := m.NewSession().ID()
			refs[i] = store.Ref{Key: id.Handle(), Policy: store.Policy{
				Timeouts: store.Timeouts{Idle: 12 * time.Hour}, Step: time.Nanosecond, MaxBytes: 1 << 20,
			}}
			if _, err := st.Create(ctx, refs[i], data); err != nil {
				return err
			}
		}
		return nil
	})
	return refs, err
}

// step makes a tenth of the saves and touches, in random order, and returns how many saves.
func (o *options) step(ctx context.Context, st store.Store, refs []store.Ref) (saves int, err error) {
	each := len(refs) * (o.saves + o.touches) / steps / workers
	made := make([]int, workers)
	start := time.Now()
	err = together(func(worker int) error {
		for i := range each {
			time.Sleep(time.Until(start.Add(o.over / steps * time.Duration(i) / time.Duration(each))))
			ref := refs[rand.IntN(len(refs))]
			var err error
			if rand.IntN(o.saves+o.touches) < o.saves {
				made[worker]++
				visits := json.RawMessage(fmt.Sprint(i))
				_, err = st.Save(ctx, ref, store.Change{Set: map[string]json.RawMessage{"visits": visits}})
			} else {
				_, err = st.Touch(ctx, ref)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, n := range made {
		saves += n
	}
	return saves, err
}

func together(fn func(worker int) error) error {
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range workers {
		wg.Go(func() { errs[i] = fn(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func report(ctx context.Context, w io.Writer, pool *pgxpool.Pool, step, saves int) error {
	time.Sleep(100 * time.Millisecond) // for the connections to end
	var updates, hot, table, indexes, vacuums int64
	err := pool.QueryRow(ctx, `select n_tup_upd, n_tup_hot_upd, pg_relation_size(relid), pg_indexes_size(relid), autovacuum_count
		from pg_stat_user_tables where relid = 'sessions'::regclass`).Scan(&updates, &hot, &table, &indexes, &vacuums)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%2d/%d: %d updates, of which %d saves; %d HOT", step, steps, updates, saves, hot)
	if saves > 0 {
		fmt.Fprintf(w, " (%.1f %% of the saves)", 100*float64(hot)/float64(saves))
	}
	fmt.Fprintf(w, "; table %.1f MB, indexes %.1f MB, vacuumed %d times\n", float64(table)/1e6, float64(indexes)/1e6, vacuums)
	return nil
}
