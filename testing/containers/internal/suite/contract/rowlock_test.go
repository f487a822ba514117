package contract_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// lockRow locks the row, until the returned function is called.
func lockRow(t *testing.T, db *containers.Database, ref store.Ref) (release func()) {
	t.Helper()
	tx, err := db.Pool.Begin(t.Context())
	if err == nil {
		_, err = tx.Exec(t.Context(), `select from sessions where id = $1 for update`, [16]byte(ref.Key))
	}
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) })
	t.Cleanup(release)
	return release
}

// waitForLocks returns when so many statements like this one wait for a lock.
func waitForLocks(t *testing.T, db *containers.Database, n int, like string) {
	t.Helper()
	const waiting = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
		and query like $1`
	for deadline := time.Now().Add(20 * time.Second); pgstore.Count(t, db.Pool, waiting, like) != n; {
		if time.Now().After(deadline) {
			t.Fatalf("no %d statements like %s wait for a lock", n, like)
		}
	}
}

// sizedPool is a pool of so many connections.
func sizedPool(t *testing.T, db *containers.Database, size int) *pgxpool.Pool {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = int32(size)
	return pgstore.Pool(t, config)
}

// While somebody has rows locked, those who write them wait, however many they are, and nobody else does, however the
// table lies.
func TestALockedRowHoldsUpItsSessionAlone(t *testing.T) {
	for table, tableOpts := range tables() {
		for batching, opts := range batchings() {
			t.Run(table+", "+batching, func(t *testing.T) {
				t.Parallel()
				othersGoOn(t, containers.Postgres(t, tableOpts...), opts)
			})
		}
	}
}

func othersGoOn(t *testing.T, db *containers.Database, opts []postgres.Option) {
	const rows, callers, writers, saves = 12, 3, 8, 40
	st := pgstore.New(t, sizedPool(t, db, 8), append(opts, postgres.WithTimeout(time.Minute))...)
	var waiting sync.WaitGroup
	var release []func()
	for range rows {
		ref := pgstore.Created(t, st, store.Change{})
		release = append(release, lockRow(t, db, ref))
		for n := range callers {
			waiting.Go(func() { writeSomehow(t, st, ref, n) })
		}
	}
	waitForLocks(t, db, 2, "%") // a quarter of the pool's connections
	together(t, writers, func(int) error {
		ref := pgstore.Created(t, st, store.Change{})
		for n := range saves {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			_, err := st.Save(ctx, ref, store.Change{Set: pgstore.Set("n", fmt.Sprint(n)).Set, Extend: n%5 == 0})
			cancel()
			if err != nil {
				return err
			}
		}
		return nil
	})
	for _, r := range release {
		r()
	}
	waiting.Wait()
}

// writeSomehow writes a row in one of the ways that there are.
func writeSomehow(t *testing.T, st store.Store, ref store.Ref, n int) {
	t.Helper()
	var err error
	owner := "ada"
	switch n % 3 {
	case 0:
		_, err = st.Save(t.Context(), ref, pgstore.Set("k", "1"))
	case 1:
		_, err = st.Save(t.Context(), ref, store.Change{Owner: &owner})
	case 2:
		_, err = st.Save(t.Context(), ref, store.Change{Set: pgstore.Set("k", "1").Set, Extend: true})
	}
	if err != nil {
		t.Errorf("a session whose row was locked for a while: %v", err)
	}
}

// While a login waits for the session that it has to end, with the owner's lock, one connection is in use, however many log
// in.
func TestLoginsOfOneOwnerWaitInTurn(t *testing.T) {
	for name, login := range map[string]func(*testing.T, *postgres.Store, store.OwnerLimit) func(owner *string) error{
		"of new sessions": func(t *testing.T, st *postgres.Store, limit store.OwnerLimit) func(*string) error {
			return func(owner *string) error {
				ref := pgstore.Ref()
				ref.Policy.Owner = limit
				_, err := st.Create(t.Context(), ref, store.Change{Owner: owner})
				return err
			}
		},
		"of visitors": func(t *testing.T, st *postgres.Store, limit store.OwnerLimit) func(*string) error {
			ref := pgstore.Created(t, st, store.Change{})
			ref.Policy.Owner = limit
			return func(owner *string) error {
				_, err := st.Save(t.Context(), ref, store.Change{Owner: owner})
				return err
			}
		},
	} {
		t.Run(name, func(t *testing.T) { loginsWaitInTurn(t, login) })
	}
}

// loginsWaitInTurn has many log in while the session is locked that the first of them has to end.
func loginsWaitInTurn(t *testing.T, login func(*testing.T, *postgres.Store, store.OwnerLimit) func(*string) error) {
	const others = 40
	db, owner := containers.Postgres(t), "ada"
	pool := sizedPool(t, db, 8)
	st := pgstore.New(t, pool, postgres.WithTimeout(time.Minute))
	release := lockRow(t, db, pgstore.Created(t, st, store.Change{Owner: &owner}))
	var begun atomic.Int64
	var logins sync.WaitGroup
	for range others {
		one := login(t, st, store.OwnerLimit{Max: 1, EndOldest: true})
		logins.Go(func() {
			begun.Add(1)
			if err := one(&owner); err != nil {
				t.Errorf("a login: %v", err)
			}
		})
	}
	eventually(t, func() bool { return begun.Load() == others && pool.Stat().AcquiredConns() > 1 })
	eventually(t, func() bool { return pool.Stat().AcquiredConns() == 1 })
	release()
	logins.Wait()
}

// What waits for a row's lock until the session has expired finds it so.
func TestASessionThatExpiresWhileItsRowIsLocked(t *testing.T) {
	hash, owner := pgstore.Ref().Hash, "ada"
	for batching, opts := range batchings() {
		db := containers.Postgres(t)
		st := pgstore.New(t, db.Pool, append(opts, postgres.WithTimeout(20*time.Second))...)
		for name, write := range map[string]func(context.Context, store.Ref) error{
			"save":     saving(st, pgstore.Set("k", "1")),
			"extend":   saving(st, store.Change{Set: pgstore.Set("k", "1").Set, Extend: true}),
			"rotation": saving(st, store.Change{Rotate: &hash, Renew: true}),
			"owner":    saving(st, store.Change{Owner: &owner}),
			"touch":    func(ctx context.Context, ref store.Ref) error { _, err := st.Touch(ctx, ref); return err },
			"locked": func(ctx context.Context, ref store.Ref) error {
				_, err := st.SaveLocked(ctx, ref, func(store.Record) (store.Change, error) { return pgstore.Set("k", "1"), nil })
				return err
			},
		} {
			t.Run(batching+", "+name, func(t *testing.T) {
				t.Parallel()
				ref := pgstore.Created(t, st, store.Change{})
				ctx := t.Context()
				if _, err := db.Pool.Exec(ctx, `update sessions set expires_at = now() + interval '700 ms' where id = $1`,
					[16]byte(ref.Key)); err != nil {
					t.Fatal(err)
				}
				release := lockRow(t, db, ref)
				written := make(chan error, 1)
				go func() { written <- write(ctx, ref) }()
				const live = `select count(*) from sessions where id = $1 and expires_at > now()`
				eventually(t, func() bool { return pgstore.Count(t, db.Pool, live, [16]byte(ref.Key)) == 0 })
				release()
				if err := <-written; !errors.Is(err, store.ErrExpired) {
					t.Errorf("it was written: %v", err)
				}
				if _, err := st.Load(ctx, ref); !errors.Is(err, store.ErrExpired) {
					t.Errorf("it is back: %v", err)
				}
			})
		}
	}
}

// The same holds if the wait is so brief that the statement itself goes on.
func TestASessionThatExpiresInABriefWait(t *testing.T) {
	const rounds = 30 // in most of them the statement begins before the expiry
	db := containers.Postgres(t)
	st := pgstore.New(t, db.Pool, postgres.WithoutBatching())
	for name, write := range map[string]func(context.Context, store.Ref) error{
		"save":     saving(st, pgstore.Set("k", "1")),
		"seen row": saving(st, seen(t, pgstore.Set("k", "1"), `{}`)),
		"touch":    func(ctx context.Context, ref store.Ref) error { _, err := st.Touch(ctx, ref); return err },
	} {
		t.Run(name, func(t *testing.T) {
			for range rounds {
				ctx, ref := t.Context(), pgstore.Created(t, st, store.Change{})
				if _, err := db.Pool.Exec(ctx, `update sessions set expires_at = clock_timestamp() + interval '25 ms' where id = $1`,
					[16]byte(ref.Key)); err != nil {
					t.Fatal(err)
				}
				release := lockRow(t, db, ref)
				written := make(chan error, 1)
				go func() { written <- write(ctx, ref) }()
				const over = `select from sessions where id = $1 and pg_sleep_until(expires_at + interval '5 ms') is not null`
				if _, err := db.Pool.Exec(ctx, over, [16]byte(ref.Key)); err != nil {
					t.Fatal(err)
				}
				release()
				if err := <-written; !errors.Is(err, store.ErrExpired) {
					t.Errorf("it was written: %v", err)
				}
			}
		})
	}
}

func saving(st store.Store, c store.Change) func(context.Context, store.Ref) error {
	return func(ctx context.Context, ref store.Ref) error {
		_, err := st.Save(ctx, ref, c)
		return err
	}
}

// A limit ends no session that has left the owner while it was looked for.
func TestALimitSparesWhoHasLeftTheOwner(t *testing.T) {
	db := containers.Postgres(t)
	owner := "ada"
	for name, join := range map[string]func(context.Context, store.Ref) error{
		"create": func(ctx context.Context, ref store.Ref) error {
			_, err := db.Store.Create(ctx, ref, store.Change{Owner: &owner})
			return err
		},
		"save": func(ctx context.Context, ref store.Ref) error {
			_, err := db.Store.Create(ctx, ref, store.Change{})
			if err == nil {
				_, err = db.Store.Save(ctx, ref, store.Change{Owner: &owner})
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			leaving := pgstore.Created(t, db.Store, store.Change{Owner: &owner})
			tx, err := db.Pool.Begin(t.Context())
			if err == nil {
				_, err = tx.Exec(t.Context(), `update sessions set owner = null where id = $1`, [16]byte(leaving.Key))
			}
			if err != nil {
				t.Fatal(err)
			}
			joined, ref := make(chan error, 1), pgstore.Ref()
			ref.Policy.Owner = store.OwnerLimit{Max: 1, EndOldest: true}
			go func() { joined <- join(t.Context(), ref) }()
			waitForLocks(t, db, 1, "%")
			if err := tx.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := <-joined; err != nil {
				t.Error(err)
			}
			if _, err := db.Store.Load(t.Context(), leaving); err != nil {
				t.Errorf("the session that had left: %v", err)
			}
			if _, err := db.Pool.Exec(t.Context(), `truncate sessions`); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Who hears that a session is destroyed can rely on it: a database that keeps the row is an error.
func TestADatabaseThatKeepsRowsIsAnError(t *testing.T) {
	for name, keep := range map[string]string{
		"policies": `create role app login; grant all on sessions to app; alter table sessions enable row level security;
			create policy reads on sessions for select using (true); create policy adds on sessions for insert with check (true);
			create policy writes on sessions for update using (true)`,
		"no policy for locks": `create role app login; grant all on sessions to app;
			alter table sessions enable row level security;
			create policy reads on sessions for select using (true); create policy adds on sessions for insert with check (true);
			create policy ends on sessions for delete using (false)`,
		"trigger": `create role app login; grant all on sessions to app;
			create function keep() returns trigger language plpgsql as $$ begin return null; end $$;
			create trigger keep before delete on sessions for each row execute function keep()`,
	} {
		db := containers.Postgres(t)
		if _, err := db.Pool.Exec(t.Context(), keep); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = db.Pool.Exec(context.Background(), `drop owned by app; drop role app`) })
		config, err := pgxpool.ParseConfig(db.URL)
		if err != nil {
			t.Fatal(err)
		}
		config.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, `set role app`)
			return err
		}
		pool := pgstore.Pool(t, config)
		for batching, opts := range batchings() {
			st := pgstore.New(t, pool, opts...)
			owner := "ada"
			ref := pgstore.Created(t, st, store.Change{Owner: &owner})
			if err := st.Delete(t.Context(), ref); err == nil || errors.Is(err, store.ErrGone) {
				t.Errorf("%s, %s: destroyed, and it is there: %v", name, batching, err)
			}
			if ended, err := st.Revoke(t.Context(), store.Selector{Owner: owner}); err == nil {
				t.Errorf("%s, %s: %d sessions revoked, and they are there", name, batching, len(ended))
			}
			if err := st.Delete(t.Context(), pgstore.Ref()); err != nil {
				t.Errorf("%s, %s: what was never there: %v", name, batching, err)
			}
		}
		pool.Close()
		if _, err := db.Pool.Exec(t.Context(), `drop owned by app; drop role app`); err != nil {
			t.Fatal(err)
		}
	}
}
