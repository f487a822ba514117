package failure_test

import (
	"context"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// events passes on what the store tells from now on.
func events(t *testing.T, s store.Watcher) <-chan store.Event {
	t.Helper()
	told := make(chan store.Event, 16)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { _ = s.Watch(ctx, func(e store.Event) { told <- e }) }()
	if e := <-told; e.Kind != store.Missed {
		t.Fatalf("a watch begins with %+v", e)
	}
	return told
}

// told waits for the event.
func told(t *testing.T, from <-chan store.Event, want store.Event) {
	t.Helper()
	select {
	case e := <-from:
		if e != want {
			t.Errorf("told was %+v, want %+v", e, want)
		}
	case <-time.After(patience):
		t.Errorf("%+v was not told", want)
	}
}

// A revocation whose acknowledgement is lost is made again. The second finds nothing more to delete, and says
// nevertheless what was revoked, to the caller and to the sockets of this process.
func TestARevocationWhoseAcknowledgementIsLost(t *testing.T) {
	db := containers.Postgres(t)
	owner := "ada"
	for name, opts := range map[string][]postgres.Option{"local": nil, "distributed": {postgres.WithDistributed()}} {
		t.Run(name, func(t *testing.T) {
			loss, s := losingStore(t, db.URL, opts...)
			from := events(t, s)
			ref := pgstore.Created(t, s, store.Change{Owner: &owner})
			loss.Expect(commit)
			ended, err := s.Revoke(t.Context(), store.Selector{Owner: owner})
			if err != nil || len(ended) != 1 || ended[0] != ref.Key || loss.Pending() {
				t.Errorf("revoked were %v, %v; still pending: %v", ended, err, loss.Pending())
			}
			told(t, from, store.Event{Kind: store.Revoked, Key: ref.Key})
		})
	}
}

// The same for a session that its own connection destroys, in one statement or in a transaction.
func TestADestructionWhoseAcknowledgementIsLost(t *testing.T) {
	db := containers.Postgres(t)
	for name, opts := range map[string][]postgres.Option{"local": nil, "distributed": {postgres.WithDistributed()}} {
		t.Run(name, func(t *testing.T) {
			loss, s := losingStore(t, db.URL, opts...)
			if err := s.Delete(t.Context(), pgstore.Ref()); err != nil { // it prepares the statement
				t.Fatal(err)
			}
			from := events(t, s)
			ref := pgstore.Created(t, s, store.Change{})
			text := ref.Key.String() // of the notification
			if name == "distributed" {
				text = commit
			}
			loss.Expect(text)
			if err := s.Delete(t.Context(), ref); err != nil || loss.Pending() {
				t.Errorf("destroying: %v; still pending: %v", err, loss.Pending())
			}
			told(t, from, store.Event{Kind: store.Destroyed, Key: ref.Key})
		})
	}
}
