package failure_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
)

// recovery is the time for a call to succeed once there is a server to be reached, with the defaults of Open.
const recovery = 5 * time.Second

// twoHosts are two ways to one database, the first through a proxy: what is lost there is as good as a primary that has
// gone without a word, and the second way as good as the new one.
func twoHosts(t *testing.T, db *containers.Database, settings string) (first *wire.Proxy, at string) {
	t.Helper()
	p, through := proxied(t, db.URL)
	return p, withHost(t, through, db.URL) + settings
}

// withHost returns a URL with the host of another one as its second.
func withHost(t *testing.T, first, second string) string {
	t.Helper()
	one, err := url.Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	two, err := url.Parse(second)
	if err != nil {
		t.Fatal(err)
	}
	one.Host += "," + two.Host
	return one.String()
}

func openedAt(t *testing.T, at string, opts ...postgres.Option) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), at, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// loadsWithin fails unless a call succeeds in time.
func loadsWithin(t *testing.T, s *postgres.Store, ref store.Ref, d time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	begun := time.Now()
	if _, err := s.Load(ctx, ref); err != nil {
		t.Errorf("with another server to be reached: %v", err)
	}
	t.Logf("it took %v", time.Since(begun))
}

// A connection whose server says nothing any more holds no place in the pool that a new one could have.
func TestAHungServerHoldsNoPlace(t *testing.T) {
	for batching, option := range batchings() {
		t.Run(batching, func(t *testing.T) {
			db := containers.Postgres(t)
			hung, at := twoHosts(t, db, "&pool_max_conns=1")
			s := openedAt(t, at, option, postgres.WithTimeout(time.Second))
			ref := pgstore.Created(t, s, store.Change{})
			hung.Swallow()
			broken(t, "load", bounded(t, "load", func() error { _, err := s.Load(context.Background(), ref); return err }))
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if _, err := s.Load(ctx, ref); errors.Is(err, postgres.ErrPoolExhausted) {
				t.Errorf("the store has the connection that is not cleaned up yet: %v", err)
			}
			cancel()
			loadsWithin(t, s, ref, recovery)
		})
	}
}

// With the default times, a call that is at hand when the server falls silent is made again on another server, or if that
// is not allowed the next one succeeds there, although it has the only place in the pool.
func TestCallsAtHandOfAHungServer(t *testing.T) {
	for name, call := range map[string]func(context.Context, *postgres.Store, store.Ref) error{
		"load": func(ctx context.Context, s *postgres.Store, ref store.Ref) error {
			_, err := s.Load(ctx, ref)
			return err
		},
		"save": func(ctx context.Context, s *postgres.Store, ref store.Ref) error {
			if err := saveOne(ctx, s, ref); err == nil || ctx.Err() != nil {
				return fmt.Errorf("the one at hand: %v", err)
			}
			return saveOne(ctx, s, ref)
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := containers.Postgres(t)
			hung, at := twoHosts(t, db, "&pool_max_conns=1")
			s := openedAt(t, at)
			ref := pgstore.Created(t, s, store.Change{})
			ctx, cancel := context.WithTimeout(t.Context(), recovery)
			defer cancel()
			hung.Swallow()
			if err := call(ctx, s, ref); err != nil {
				t.Errorf("with another server to be reached: %v", err)
			}
		})
	}
}

// A server that falls silent is left for one that stands before it in the URL too: after a failover the primary may be any
// of them.
func TestAHungServerThatStandsSecond(t *testing.T) {
	db := containers.Postgres(t)
	first, through := proxied(t, db.URL)
	hung, second := proxied(t, db.URL)
	first.Cut()
	s := openedAt(t, withHost(t, through, second)+"&pool_max_conns=1")
	ref := pgstore.Created(t, s, store.Change{})
	first.Mend()
	ctx, cancel := context.WithTimeout(t.Context(), recovery)
	defer cancel()
	hung.Swallow()
	if _, err := s.Load(ctx, ref); err != nil {
		t.Errorf("with another server to be reached: %v", err)
	}
}

// Of connections that were idle while their server fell silent, one costs the time to find that out.
func TestIdleConnectionsOfAHungServer(t *testing.T) {
	const conns = 4
	db := containers.Postgres(t)
	hung, at := twoHosts(t, db, fmt.Sprintf("&pool_max_conns=%d", conns))
	s := openedAt(t, at, postgres.WithoutBatching())
	ref := pgstore.Created(t, s, store.Change{})
	hung.Delay(300)
	allAtOnce(t, conns, func() error { _, err := s.Load(t.Context(), ref); return err })
	time.Sleep(1200 * time.Millisecond) // connections that have been idle for a second are tried before use
	hung.Heal()
	hung.Swallow()
	loadsWithin(t, s, ref, recovery)
}

func allAtOnce(t *testing.T, n int, fn func() error) {
	t.Helper()
	errs := make(chan error, n)
	for range n {
		go func() { errs <- fn() }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}

// Notifications come although the first host of the URL says nothing: each host has a time of its own.
func TestListeningPastAHungHost(t *testing.T) {
	db := containers.Postgres(t)
	hung, at := twoHosts(t, db, "&connect_timeout=2")
	hung.Swallow()
	s := pgstore.New(t, db.Pool, postgres.WithListenURL(at), postgres.WithTimeout(time.Second))
	events := watched(t, s)
	waitForEvent(t, events, store.Event{Kind: store.Missed}) // that of beginning to watch
	waitForEvent(t, events, store.Event{Kind: store.Missed}) // that of listening
	other := pgstore.New(t, db.Pool)
	ref := pgstore.Created(t, other, store.Change{})
	if err := other.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	waitForEvent(t, events, store.Event{Kind: store.Destroyed, Key: ref.Key})
}

func watched(t *testing.T, s *postgres.Store) <-chan store.Event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	events, ended := make(chan store.Event, 100), make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Watch(ctx, func(e store.Event) { events <- e })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return events
}

// waitForEvent reads events until the one comes.
func waitForEvent(t *testing.T, events <-chan store.Event, want store.Event) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case e := <-events:
			if e == want {
				return
			}
		case <-deadline:
			t.Fatalf("the event %+v has not come", want)
		}
	}
}
