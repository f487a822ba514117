package contract_test

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// Four collectors at once, none of which waits for the run lock, beside connections that refresh sessions at the moment
// they expire: what was refreshed is there, and so is every session that had time left.
func TestCollectorsLeaveLiveSessions(t *testing.T) {
	const expiring = 50_000
	const span = 5 * time.Second
	for table, opts := range tables() {
		live := map[string]int{"plain": 100_000, "partitioned": 20_000}[table]
		t.Run(table, func(t *testing.T) {
			db := containers.Postgres(t, append(opts, pgstore.Guarded())...)
			pgstore.Fill(t, db.Pool, expiring, expiring+live, time.Hour, 2*time.Hour)
			st := db.Store
			together(t, refreshers, func(int) error { // so that all connections are there in time
				_, err := st.Load(t.Context(), pgstore.Numbered(expiring))
				return err
			})
			start := fillInTurn(t, db, expiring, span)
			stop := collectors(t, st, 4)
			refreshed := refresh(t, st, start, expiring, span)
			stop()
			if early := pgstore.Count(t, db.Pool, "select count(*) from early"); early != 0 {
				t.Errorf("%d sessions were deleted before their expiry", early)
			}
			if lost := missing(t, db, refreshed); lost > 0 || len(refreshed) == 0 {
				t.Errorf("%d of %d refreshed sessions are gone", lost, len(refreshed))
			}
			collectedAll(t, db, db.Store)
			if left := pgstore.Count(t, db.Pool, "select count(*) from sessions"); left != live+len(refreshed) {
				t.Errorf("of %d sessions with time left and %d refreshed ones %d are there", live, len(refreshed), left)
			}
			t.Logf("%d sessions were refreshed as they expired", len(refreshed))
		})
	}
}

// fillInTurn inserts sessions that expire one after the other, and returns when the first of them does, which is to come.
func fillInTurn(t *testing.T, db *containers.Database, sessions int, span time.Duration) (start time.Time) {
	t.Helper()
	for long := 2 * time.Second; ; long *= 2 {
		start = time.Now().Add(long)
		pgstore.FillInTurn(t, db.Pool, sessions, start, span)
		if time.Now().Before(start) {
			return start
		}
		for _, again := range []string{"delete from sessions where expires_at < now() + interval '30 minutes'", "truncate early"} {
			if _, err := db.Pool.Exec(t.Context(), again); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// collectors runs some without pause until the returned function is called.
func collectors(t *testing.T, s store.Collector, n int) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for ctx.Err() == nil {
				if _, err := s.Collect(ctx, store.CollectOptions{Batch: 500, Pause: time.Millisecond, NoLock: true}); err != nil {
					t.Errorf("collecting: %v", err)
					return
				}
			}
		})
	}
	return func() {
		cancel()
		wg.Wait()
	}
}

// refreshers is how many refresh at a time.
const refreshers = 16

// refresh touches sessions at about their expiry, which they reach in the order of their numbers, and returns those for
// which that was acknowledged.
func refresh(t *testing.T, s store.Store, start time.Time, sessions int, span time.Duration) (refreshed []store.Handle) {
	t.Helper()
	var mu sync.Mutex
	done := map[store.Handle]bool{}
	together(t, refreshers, func(int) error {
		for {
			n := int(time.Since(start) * time.Duration(sessions) / span)
			if n += mathrand.IntN(sessions / 100); n >= sessions {
				return nil
			}
			ref := pgstore.Numbered(max(n, 0))
			_, err := s.Touch(t.Context(), ref)
			if errors.Is(err, store.ErrGone) {
				continue
			}
			if err != nil {
				return err
			}
			mu.Lock()
			done[ref.Key] = true
			mu.Unlock()
		}
	})
	return slices.Collect(maps.Keys(done))
}

func missing(t *testing.T, db *containers.Database, keys []store.Handle) int {
	t.Helper()
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.String()
	}
	const sql = `select count(*) from unnest($1::uuid[]) k where not exists (select from sessions where id = k)`
	return pgstore.Count(t, db.Pool, sql, texts)
}

// keepers are the ways in which a database finds rows that it does not delete, without an error.
var keepers = map[string][]string{
	"a trigger": {
		`create function keep() returns trigger language plpgsql as 'begin return null; end'`,
		`create trigger kept before delete on sessions for each row execute function keep()`,
	},
	"a rule": {`create rule kept as on delete to sessions do instead nothing`},
	"a policy of row level security": {
		`alter table sessions enable row level security`,
		`alter table sessions force row level security`,
		`create policy seen on sessions for select using (true)`,
	},
}

// A run that finds rows which the database keeps has not done what it was to do, and says so: whether they fit into one
// batch or not, and whether all are kept or some. It deletes the others, and does not go on for ever.
func TestRowsThatTheDatabaseKeeps(t *testing.T) {
	for keeper, statements := range keepers {
		t.Run(keeper, func(t *testing.T) {
			db := containers.Postgres(t)
			pgstore.Fill(t, db.Pool, 0, 10, -time.Hour, -time.Minute)
			pgstore.Fill(t, db.Pool, 10, 40, -time.Minute, -time.Minute) // of one expiry
			for _, sql := range statements {
				admin(t, db, sql)
			}
			role := "keeper_" + strings.ToLower(rand.Text())
			admin(t, db, `create role `+role+` login password 'p'`)
			admin(t, db, `grant select, delete on sessions to `+role)
			limited := pgstore.New(t, anotherPool(t, db, role))
			for _, batch := range []int{100, 7} {
				report, err := limited.Collect(t.Context(), store.CollectOptions{Batch: batch, Pause: -1})
				if err != nil || report.Deleted != 0 || report.Remaining != 40 || report.Stopped != store.StopRefused {
					t.Errorf("batches of %d: %+v, %v", batch, report, err)
				}
			}
		})
	}
}

func TestRowsOfWhichTheDatabaseKeepsSome(t *testing.T) {
	db := containers.Postgres(t)
	pgstore.Fill(t, db.Pool, 0, 30, -time.Minute, -time.Minute)
	admin(t, db, `create function keep() returns trigger language plpgsql as
		'begin return case when (old.data ->> ''n'')::int % 3 = 0 then null else old end; end'`)
	admin(t, db, `create trigger kept before delete on sessions for each row execute function keep()`)
	for run, want := range []int64{20, 0} {
		report, err := db.Store.Collect(t.Context(), store.CollectOptions{Batch: 7})
		if err != nil || report.Deleted != want || report.Remaining != 10 || report.Stopped != store.StopRefused {
			t.Errorf("run %d: %+v, %v", run, report, err)
		}
	}
}

// collectedAll has one collector do what is left.
func collectedAll(t *testing.T, db *containers.Database, s store.Collector) {
	t.Helper()
	report, err := s.Collect(t.Context(), store.CollectOptions{})
	if err != nil || report.Stopped != store.StopDone || report.Remaining != 0 {
		t.Errorf("the last run: %+v, %v", report, err)
	}
	if left := pgstore.Count(t, db.Pool, "select count(*) from sessions where expires_at <= now()"); left != 0 {
		t.Errorf("%d expired sessions are left", left)
	}
}

// More rows that share an expiry than a batch holds do not keep the collector from getting through.
func TestCollectorGetsThroughTies(t *testing.T) {
	const tied, live = 5_000, 1_000
	for table, opts := range tables() {
		t.Run(table, func(t *testing.T) {
			db := containers.Postgres(t, opts...)
			pgstore.Fill(t, db.Pool, 0, tied, -time.Minute, -time.Minute)
			pgstore.Fill(t, db.Pool, tied, tied+live, time.Hour, 2*time.Hour)
			report, err := pgstore.New(t, db.Pool).Collect(t.Context(), store.CollectOptions{Batch: 100})
			if err != nil || report.Deleted != tied || report.Stopped != store.StopDone {
				t.Errorf("%+v, %v", report, err)
			}
			if left := pgstore.Count(t, db.Pool, "select count(*) from sessions"); left != live {
				t.Errorf("%d of %d live sessions are left", left, live)
			}
		})
	}
}

// A run that has returned does not keep the next one out.
func TestCollectorLeavesItsLock(t *testing.T) {
	t.Parallel()
	db := containers.Postgres(t)
	for range 300 {
		report, err := db.Store.Collect(t.Context(), store.CollectOptions{})
		if err != nil || report.Stopped != store.StopDone {
			t.Fatalf("%+v, %v", report, err)
		}
	}
}

// Rows to which an operator gave an expiry from before all clocks are collected like others.
func TestCollectorBeginsAtTheBeginning(t *testing.T) {
	ancient := []string{"-infinity", "4713-11-24 BC", "0044-03-15 BC", "0001-01-01", "1600-01-01", "1969-12-31"}
	const each, live = 7, 20
	db := containers.Postgres(t)
	pgstore.Fill(t, db.Pool, 0, each*len(ancient)+live, time.Hour, 2*time.Hour)
	for i, expiry := range ancient {
		const sql = `update sessions set expires_at = $1::text::timestamptz where (data ->> 'n')::int / $2 = $3`
		if _, err := db.Pool.Exec(t.Context(), sql, expiry, each, i); err != nil {
			t.Fatal(err)
		}
	}
	want := int64(each * len(ancient))
	report, err := db.Store.Collect(t.Context(), store.CollectOptions{DryRun: true, Keep: 1<<63 - 1})
	if err != nil || report.Remaining != want {
		t.Errorf("before: %+v, %v", report, err)
	}
	report, err = db.Store.Collect(t.Context(), store.CollectOptions{Batch: 3, MaxDuration: 1})
	if err != nil || report.Deleted+report.Remaining != want || report.Deleted == 0 {
		t.Errorf("a short run: %+v, %v", report, err)
	}
	collectedAll(t, db, db.Store)
	if left := pgstore.Count(t, db.Pool, "select count(*) from sessions"); left != live {
		t.Errorf("%d of %d live sessions are left", left, live)
	}
}

// halfExpired has as many sessions that have expired as that have not, between each other.
func halfExpired(t *testing.T, each int) planned {
	t.Helper()
	p := planned{Database: containers.Postgres(t), tracer: &pgstore.Tracer{}}
	const part = 250
	for from := 0; from < 2*each; from += 2 * part {
		pgstore.Fill(t, p.Pool, from, from+part, -time.Hour, -time.Minute)
		pgstore.Fill(t, p.Pool, from+part, from+2*part, time.Hour, 2*time.Hour)
	}
	p.store = pgstore.New(t, pgstore.TracedPool(t, p.URL, p.tracer))
	return p
}

// Where much of a table has expired, the collector goes through its pages, from anywhere to there again, and no batch is
// larger than it may be: also where a page alone holds more.
func TestCollectorGoesByPages(t *testing.T) {
	const each = 12_500
	for _, batch := range []int{10, 500} {
		p := halfExpired(t, each)
		var before int64
		report, err := p.store.Collect(t.Context(), store.CollectOptions{Batch: batch, Progress: func(r store.CollectReport) {
			if n := r.Deleted - before; n < 1 || n > int64(batch) {
				t.Errorf("a batch of %d deleted %d", batch, n)
			}
			before = r.Deleted
		}})
		if err != nil || report.Deleted != each || report.Remaining != 0 || report.Stopped != store.StopDone {
			t.Errorf("of %d expired: %+v, %v", each, report, err)
		}
		if left := pgstore.Count(t, p.Pool, "select count(*) from sessions where expires_at > now()"); left != each {
			t.Errorf("%d of %d live sessions are left", left, each)
		}
		byPages := func(s pgstore.Statement) bool {
			return strings.Contains(s.SQL, "delete") && strings.Contains(s.SQL, "s.ctid")
		}
		if !slices.ContainsFunc(p.tracer.Take(), byPages) {
			t.Error("it went along the index")
		}
	}
}

// A run whose time is over at once gets on nevertheless, and says what is left.
func TestCollectorGetsOnInShortRuns(t *testing.T) {
	const each = 12_500
	p := halfExpired(t, each)
	for runs := 0; ; runs++ {
		report, err := p.store.Collect(t.Context(), store.CollectOptions{MaxDuration: 1})
		if err != nil || runs > each {
			t.Fatalf("run %d: %+v, %v", runs, report, err)
		}
		left := pgstore.Count(t, p.Pool, "select count(*) from sessions where expires_at <= now()")
		if report.Remaining != int64(left) {
			t.Fatalf("run %d says that %d are left, of %d", runs, report.Remaining, left)
		}
		if report.Stopped == store.StopDone {
			return
		}
	}
}

// Where the index does not show the first row soon, because of all that was deleted there, the collector goes by pages. A
// lock on the index stands for its slowness: what waits for that is given up as well.
func TestCollectorDoesWithoutASlowIndex(t *testing.T) {
	const expired = 10
	db := containers.Postgres(t)
	pgstore.Fill(t, db.Pool, 0, expired, -time.Hour, -time.Minute)
	pgstore.Fill(t, db.Pool, expired, 25_000, time.Hour, 2*time.Hour)
	lock, err := db.Pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "reindex index sessions_expires_at_idx"); err != nil {
		t.Fatal(err)
	}
	var report store.CollectReport
	done := make(chan error, 1)
	go func() {
		var err error
		report, err = db.Store.Collect(t.Context(), store.CollectOptions{})
		done <- err
	}()
	const waiting = `select count(*) from pg_stat_activity where query like '%s.ctid >=%' and wait_event_type = 'Lock'`
	for pgstore.Count(t, db.Pool, waiting) == 0 {
		select {
		case err := <-done:
			t.Fatalf("it has ended: %+v, %v", report, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || report.Deleted != expired || report.Remaining != 0 {
		t.Errorf("%+v, %v", report, err)
	}
}
