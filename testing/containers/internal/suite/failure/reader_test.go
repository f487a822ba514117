package failure_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// reader is a service that reads and listens, and never writes.
type reader struct {
	t      *testing.T
	store  *postgres.Store
	read   store.Ref // a session that ends on the new primary, and is read
	heard  store.Ref // one that ends there, which is heard of
	events <-chan store.Event
}

// readerConns is how many connections a service has to the old primary: more than a call has attempts.
const readerConns = 8

func startReader(t *testing.T, at string) *reader {
	t.Helper()
	s := openedAt(t, at, postgres.WithoutBatching(), postgres.WithPing(100*time.Millisecond, 0))
	r := &reader{t: t, store: s, read: pgstore.Created(t, s, store.Change{}), heard: pgstore.Created(t, s, store.Change{})}
	r.events = watched(t, s)
	waitForEvent(t, r.events, store.Event{Kind: store.Missed}) // that of beginning to watch
	waitForEvent(t, r.events, store.Event{Kind: store.Missed}) // that of listening
	allAtOnce(t, 10*readerConns, func() error { _, err := s.Load(t.Context(), r.read); return err })
	return r
}

// replicated waits until the standby has the reader's sessions.
func (r *reader) replicated(standby *postgres.Store) {
	for _, ref := range []store.Ref{r.read, r.heard} {
		waitFor(r.t, func() bool { _, err := standby.Load(context.Background(), ref); return err == nil })
	}
}

// left fails unless the reader sees and hears what happens on the new primary: none of its connections shows what was
// true on the old one.
func (r *reader) left(primary *postgres.Store) {
	if err := primary.Delete(r.t.Context(), r.read); err != nil {
		r.t.Fatal(err)
	}
	for range 2 * readerConns {
		if _, err := r.store.Load(r.t.Context(), r.read); !errors.Is(err, store.ErrGone) {
			r.t.Errorf("a session that was destroyed on the new primary: %v", err)
		}
	}
	waitForEvent(r.t, r.events, store.Event{Kind: store.Missed})
	if err := primary.Delete(r.t.Context(), r.heard); err != nil {
		r.t.Fatal(err)
	}
	waitForEvent(r.t, r.events, store.Event{Kind: store.Destroyed, Key: r.heard.Key})
}
