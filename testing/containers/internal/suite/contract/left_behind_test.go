package contract_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// A save whose caller has left while it was under way does not come after a later one of the same session, which was
// acknowledged.
func TestAnOlderSaveDoesNotComeLater(t *testing.T) {
	db := containers.Postgres(t)
	store := pgstore.New(t, db.Pool, postgres.WithBatching(4, 64))
	var busy []session.Ref
	for range 4 {
		busy = append(busy, pgstore.Created(t, store, session.Change{}))
	}
	slow, mine := pgstore.Created(t, store, session.Change{}), pgstore.Created(t, store, session.Change{})
	if bytes.Compare(slow.Key[:], mine.Key[:]) > 0 {
		slow, mine = mine, slow // a batch locks its rows in this order
	}
	release := make([]func(), len(busy))
	var answered sync.WaitGroup
	for i, ref := range busy { // in all slots
		release[i] = lockRow(t, db, ref)
		answered.Go(func() { saves(t, store, t.Context(), ref, "busy") })
	}
	waitForLocks(t, db, len(busy), `update%`)
	releaseSlow := lockRow(t, db, slow)
	queued := notice(t.Context())
	answered.Go(func() { saves(t, store, queued, slow, "slow") })
	<-queued.asked
	brief, leave := context.WithCancel(t.Context())
	left, ctx := make(chan error, 1), notice(brief)
	go func() {
		_, err := store.Save(ctx, mine, pgstore.Set("k", `"old"`))
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
		saves(t, store, t.Context(), mine, "new")
	}()
	select {
	case <-saved: // it overtook the older one
	case <-time.After(time.Second):
	}
	releaseSlow()
	<-saved
	answered.Wait()
	r, err := store.Load(t.Context(), mine)
	if err != nil || !bytes.Contains(r.Data, []byte(`"new"`)) {
		t.Errorf("after a save that was acknowledged: %s, %v", r.Data, err)
	}
}

func saves(t *testing.T, store session.Store, ctx context.Context, ref session.Ref, value string) {
	t.Helper()
	if _, err := store.Save(ctx, ref, pgstore.Set("k", `"`+value+`"`)); err != nil {
		t.Errorf("saving %q: %v", value, err)
	}
}

// lockRow locks the row, until the returned function is called.
func lockRow(t *testing.T, db *containers.Database, ref session.Ref) (release func()) {
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
