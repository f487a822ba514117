package contract_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// planned is a table with enough rows for an index to be worth its use, and a store whose statements are seen.
type planned struct {
	*containers.Database
	store  *postgres.Store
	tracer *pgstore.Tracer
}

func newPlanned(t *testing.T, tableOpts []containers.Option, storeOpts ...postgres.Option) planned {
	t.Helper()
	p := planned{Database: containers.Postgres(t, tableOpts...), tracer: &pgstore.Tracer{}}
	pgstore.Fill(t, p.Pool, 0, 20_000, time.Hour, 2*time.Hour)
	if _, err := p.Pool.Exec(t.Context(), "analyze sessions"); err != nil {
		t.Fatal(err)
	}
	p.store = pgstore.New(t, pgstore.TracedPool(t, p.URL, p.tracer), storeOpts...)
	if _, err := p.store.Load(t.Context(), pgstore.Numbered(0)); err != nil {
		t.Fatal(err)
	}
	p.tracer.Take()
	return p
}

// foreground are the operations of requests, each on a session of its own.
func foreground() map[string]func(context.Context, store.Store, int) error {
	hash := pgstore.Ref().Hash
	idle := time.Minute
	return map[string]func(context.Context, store.Store, int) error{
		"load": func(ctx context.Context, s store.Store, n int) error {
			_, err := s.Load(ctx, pgstore.Numbered(n))
			return err
		},
		"create": func(ctx context.Context, s store.Store, _ int) error {
			_, err := s.Create(ctx, pgstore.Ref(), pgstore.Set("a", "1"))
			return err
		},
		"save":             save(pgstore.Set("a", "1")),
		"conditional save": save(store.Change{Set: pgstore.Set("a", "1").Set, IfVersion: 1}),
		"rotation":         save(store.Change{Rotate: &hash, Renew: true}),
		"timeout":          save(store.Change{Idle: &idle}),
		"clearing save":    save(store.Change{Clear: true, Extend: true}),
		"touch": func(ctx context.Context, s store.Store, n int) error {
			_, err := s.Touch(ctx, pgstore.Numbered(n))
			return err
		},
		"delete": func(ctx context.Context, s store.Store, n int) error {
			return s.Delete(ctx, pgstore.Numbered(n))
		},
	}
}

func save(change store.Change) func(context.Context, store.Store, int) error {
	return func(ctx context.Context, s store.Store, n int) error {
		_, err := s.Save(ctx, pgstore.Numbered(n), change)
		return err
	}
}

// Every operation of a request finds its one row by the primary key, in one partition, whichever plan the server takes.
func TestForegroundStatementsReadOneRowOfOnePartition(t *testing.T) {
	for table, opts := range tables() {
		p := newPlanned(t, opts, postgres.WithoutBatching())
		n := 0
		for name, operation := range foreground() {
			t.Run(table+", "+name, func(t *testing.T) {
				n++
				if err := operation(t.Context(), p.store, n); err != nil {
					t.Fatal(err)
				}
				if scans := explained(t, p, 1); scans == 0 && name != "create" {
					t.Error("no statement has read the table")
				}
			})
		}
	}
}

// explained looks at the plans of what was sent since, and returns how often the table was read in them.
func explained(t *testing.T, p planned, rows int) (scans int) {
	t.Helper()
	for _, st := range p.tracer.Take() {
		if !strings.Contains(st.SQL, "sessions") {
			continue
		}
		for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
			plan := pgstore.Explain(t, p.URL, mode, st)
			scans += len(plan.Scans())
			byKey(t, plan, rows, mode+" of "+st.SQL)
		}
	}
	return scans
}

// byKey fails where a plan reads the table other than by the primary key, or more partitions than there are rows.
func byKey(t *testing.T, plan pgstore.Plan, rows int, what string) {
	t.Helper()
	read := map[string]bool{}
	for _, scan := range plan.Scans() {
		read[scan.Relation] = true
		if !strings.HasSuffix(scan.Index, "_pkey") || !strings.Contains(scan.IndexCond, "id =") {
			t.Errorf("%s of %s by %q (%s), in the %s", scan.NodeType, scan.Relation, scan.Index, scan.IndexCond, what)
		}
	}
	if len(read) > rows {
		t.Errorf("%d partitions are read for %d rows, in the %s", len(read), rows, what)
	}
}

// A statement that callers share still goes by the primary key.
func TestSharedStatementsGoByTheKey(t *testing.T) {
	const callers = 64
	for table, opts := range tables() {
		for _, name := range []string{"load", "save", "clearing save", "touch"} {
			t.Run(table+", "+name, func(t *testing.T) {
				p := newPlanned(t, opts, postgres.WithBatching(1, 8))
				together(t, callers, func(n int) error { return foreground()[name](t.Context(), p.store, n) })
				if explained(t, p, pgstore.Partitions) == 0 {
					t.Error("no statement has read the table")
				}
			})
		}
	}
}

// together calls fn from many goroutines at once and fails the test where one of them fails.
func together(t *testing.T, callers int, fn func(n int) error) {
	t.Helper()
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n := range callers {
		wg.Go(func() {
			<-start
			if err := fn(n); err != nil {
				t.Errorf("caller %d: %v", n, err)
			}
		})
	}
	close(start)
	wg.Wait()
}
