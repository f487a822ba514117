package sqlite

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// watching starts a Watch and returns what it tells, after the first Missed.
func watching(t *testing.T, s *Store) chan store.Event {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	told, done := make(chan store.Event, 1000), make(chan error)
	go func() { done <- s.Watch(ctx, func(e store.Event) { told <- e }) }()
	t.Cleanup(func() {
		stop()
		<-done
	})
	if e := next(t, told); e.Kind != store.Missed {
		t.Errorf("the first event is %+v", e)
	}
	return told
}

func next(t *testing.T, told chan store.Event) store.Event {
	t.Helper()
	select {
	case e := <-told:
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("nothing was told")
		return store.Event{}
	}
}

func TestAnotherProcessIsNoticed(t *testing.T) {
	path := newPath(t)
	s := open(t, path, WithPollInterval(5*time.Millisecond))
	ref := created(t, s, set("a", "1"))
	told := watching(t, s)
	for s.movedByOthers(t.Context()) { // what came before
	}
	c := startChild(t, "delete", path, name(ref))
	if e := next(t, told); e != (store.Event{Kind: store.Missed}) {
		t.Errorf("told was %+v", e)
	}
	c.wait()
	if found, err := s.Inspect(t.Context(), []store.Handle{ref.Key}); err != nil || len(found) != 0 {
		t.Errorf("found %+v, %v", found, err)
	}
}

// Its own commits do not make a store look at all of its sessions.
func TestAStoreDoesNotWakeItself(t *testing.T) {
	s := open(t, newPath(t))
	ref := created(t, s, set("a", "1"))
	s.movedByOthers(t.Context()) // the first time nobody can know
	for range 3 {
		if _, err := s.Save(t.Context(), ref, set("a", "2")); err != nil {
			t.Fatal(err)
		}
		if s.movedByOthers(t.Context()) {
			t.Error("a save of the store's own is taken for another's")
		}
	}
	edit(t, s, "update sessions set version = 9")
	if !s.movedByOthers(t.Context()) {
		t.Error("a change by another connection is not seen")
	}
	if s.movedByOthers(t.Context()) {
		t.Error("one change is seen twice")
	}
}

// While the writer waits for the file, others are at work on it: nobody knows, so look.
func TestAPollThatCannotLookSaysSo(t *testing.T) {
	s := open(t, newPath(t), WithPollInterval(time.Millisecond))
	s.movedByOthers(t.Context())
	s.writer.slot <- struct{}{}
	if !s.movedByOthers(t.Context()) {
		t.Error("a poll that found no connection says that nothing has changed")
	}
	<-s.writer.slot
}

func TestAWatchLeavesNoGoroutine(t *testing.T) {
	s := open(t, newPath(t), WithPollInterval(time.Millisecond))
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Watch(ctx, func(store.Event) { stop() }) }()
	if err := <-done; err != context.Canceled {
		t.Errorf("got %v", err)
	}
	stacks := make([]byte, 1<<20)
	if text := string(stacks[:runtime.Stack(stacks, true)]); strings.Contains(text, "pollFile") {
		t.Error("the poll goes on")
	}
}
