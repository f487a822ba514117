package contract_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// A save whose caller has left while it was under way does not come after a later one of the same session, which was
// acknowledged.
func TestAnOlderSaveDoesNotComeLater(t *testing.T) {
	db := containers.Postgres(t)
	st := pgstore.New(t, db.Pool, postgres.WithBatching(4, 64))
	var busy []store.Ref
	for range 4 {
		busy = append(busy, pgstore.Created(t, st, store.Change{}))
	}
	slow, mine := pgstore.Created(t, st, store.Change{}), pgstore.Created(t, st, store.Change{})
	if bytes.Compare(slow.Key[:], mine.Key[:]) > 0 {
		slow, mine = mine, slow // a batch locks its rows in this order
	}
	release := make([]func(), len(busy))
	var answered sync.WaitGroup
	for i, ref := range busy { // in all slots
		release[i] = lockRow(t, db, ref)
		answered.Go(func() { saves(t, st, t.Context(), ref, "busy") })
	}
	waitForLocks(t, db, len(busy), `update%`)
	releaseSlow := lockRow(t, db, slow)
	queued := notice(t.Context())
	answered.Go(func() { saves(t, st, queued, slow, "slow") })
	<-queued.asked
	brief, leave := context.WithCancel(t.Context())
	left, ctx := make(chan error, 1), notice(brief)
	go func() {
		_, err := st.Save(ctx, mine, pgstore.Set("k", `"old"`))
		left <- err
	}()
	<-ctx.asked // it waits for a slot
	release[0]()
	waitForLocks(t, db, 1, `%unnest%`) // the batch of both waits for the row of slow
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the save that was given up: %v", err)
	}
	for _, r := range release[1:] {
		r()
	}
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		saves(t, st, t.Context(), mine, "new")
	}()
	select {
	case <-saved: // it overtook the older one
	case <-time.After(time.Second):
	}
	releaseSlow()
	<-saved
	answered.Wait()
	r, err := st.Load(t.Context(), mine)
	if err != nil || !bytes.Contains(r.Data, []byte(`"new"`)) {
		t.Errorf("after a save that was acknowledged: %s, %v", r.Data, err)
	}
}

func saves(t *testing.T, store store.Store, ctx context.Context, ref store.Ref, value string) {
	t.Helper()
	if _, err := store.Save(ctx, ref, pgstore.Set("k", `"`+value+`"`)); err != nil {
		t.Errorf("saving %q: %v", value, err)
	}
}

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

// noticed is a context that tells when somebody waits for its end.
type noticed struct {
	context.Context
	once  *sync.Once
	asked chan struct{}
}

func notice(ctx context.Context) noticed { return noticed{ctx, new(sync.Once), make(chan struct{})} }

func (n noticed) Done() <-chan struct{} {
	n.once.Do(func() { close(n.asked) })
	return n.Context.Done()
}

// Many connections of one session, each with a key of its own. Of their saves a third are given up at some moment, and
// done again until they are acknowledged. What was acknowledged last is there.
func TestSavesThatWereGivenUp(t *testing.T) {
	const connections, rounds = 24, 100
	for name, opts := range map[string][]postgres.Option{"alone": {postgres.WithoutBatching()}, "in batches": nil} {
		t.Run(name, func(t *testing.T) {
			db := containers.Postgres(t)
			manager, err := session.New(pgstore.New(t, db.Pool, opts...), session.Config{})
			if err != nil {
				t.Fatal(err)
			}
			first := manager.NewSession()
			if err := errors.Join(first.Generate(), first.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			together(t, connections, func(n int) error {
				s, err := manager.Open(t.Context(), first.ID().Reveal())
				for round := 1; round <= rounds && err == nil; round++ {
					key := string(rune('a' + n))
					err = errors.Join(s.Set(key, round), saveImpatiently(t.Context(), s))
					if err == nil {
						err = holds(t.Context(), manager, s, key, round)
					}
				}
				return err
			})
		})
	}
}

// saveImpatiently gives up every third time, and then tries again.
func saveImpatiently(ctx context.Context, s *session.Session) error {
	if rand.IntN(3) == 0 {
		brief, leave := context.WithTimeout(ctx, rand.N(3*time.Millisecond))
		defer leave()
		if s.Save(brief) == nil {
			return nil
		}
	}
	return s.Save(ctx)
}

// holds looks at what is stored, after some more work on the row.
func holds(ctx context.Context, m *session.Manager, s *session.Session, key string, want int) error {
	if rand.IntN(2) == 0 {
		if _, err := session.ModifyKey(ctx, s, "all", func(n int) (int, error) { return n + 1, nil }); err != nil {
			return err
		}
	}
	other, err := m.Open(ctx, s.ID().Reveal())
	if err != nil {
		return err
	}
	if got, err := session.Get[int](other, key); err != nil || got != want {
		return fmt.Errorf("%q is %d, %v after %d was acknowledged", key, got, err, want)
	}
	return nil
}
