package postgres

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/simples-go/sessions/session/store"
)

func watch(s *Store, ctx context.Context) (events chan store.Event, ended chan error) {
	events, ended = make(chan store.Event, 10), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func(e store.Event) { events <- e }) }()
	return events, ended
}

func TestWatchersShareOneConnectionWhichEndsWithTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun, listening atomic.Int32
		s := new(Store)
		s.events.Run = func(ctx context.Context) {
			begun.Add(1)
			listening.Add(1)
			<-ctx.Done()
			listening.Add(-1)
		}
		one, endOne := context.WithCancel(t.Context())
		two, endTwo := context.WithCancel(t.Context())
		first, firstEnded := watch(s, one)
		second, secondEnded := watch(s, two)
		synctest.Wait()
		if <-first != (store.Event{}) || <-second != (store.Event{}) {
			t.Error("a watcher does not begin with Missed")
		}
		if begun.Load() != 1 {
			t.Errorf("%d connections", begun.Load())
		}
		endOne()
		if err := <-firstEnded; !errors.Is(err, context.Canceled) || listening.Load() != 1 {
			t.Errorf("the first watcher ended with %v, %d connections are left", err, listening.Load())
		}
		endTwo()
		if err := <-secondEnded; !errors.Is(err, context.Canceled) || listening.Load() != 0 {
			t.Errorf("the last watcher ended with %v, %d connections are left", err, listening.Load())
		}
	})
}

func TestOwnEventsAreToldAtOnceAndOnlyOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{node: "here"}
		s.events.Run = func(ctx context.Context) { <-ctx.Done() }
		ctx, end := context.WithCancel(t.Context())
		events, ended := watch(s, ctx)
		synctest.Wait()
		<-events
		own := store.Event{Kind: store.Destroyed, Key: store.Handle{1}}
		s.announce(own, store.Event{})
		s.pass(s.payload(own))
		other := store.Event{Kind: store.Rotated, Key: store.Handle{2}}
		s.pass((&Store{node: "there"}).payload(other))
		s.pass("?there")
		synctest.Wait()
		if len(events) != 2 || <-events != own || <-events != other {
			t.Errorf("%d events are left", len(events))
		}
		end()
		<-ended
	})
}
