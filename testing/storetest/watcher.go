package storetest

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func watcherRules() []rule {
	return []rule{
		{
			name: "a watch begins with a look", needs: Watcher,
			text: "Watch sends Missed, with a zero key, when it starts, since it cannot know what was before.",
			test: watchBegins,
		},
		{
			name: "a watch ends with its context", needs: Watcher,
			text: "Watch returns the error of its context when that ends, and calls fn no more.",
			test: watchEnds,
		},
		{
			name: "what ends a session is told", needs: Watcher,
			text: "A Delete is told as Destroyed, and a Rotate as Rotated, with the session's key, to each watcher.",
			test: watchTells,
		},
		{
			name: "a revocation is told", needs: Watcher,
			text: "What a Revoke or an OwnerLimit ends is told as Revoked.",
			test: watchTellsRevoked,
		},
		{
			name: "what ends nothing is not told", needs: Watcher,
			text: "Loads, saves and touches, refused or repeated destroys and rotations, and expired rows that are collected are no events.",
			test: watchIsQuiet,
		},
		{
			name: "one call at a time", needs: Watcher,
			text: "A watch calls fn from one goroutine at a time.",
			test: watchOneAtATime,
		},
	}
}

// watch is a running Watch and the events that it has sent so far.
type watch struct {
	*env
	mu     sync.Mutex
	events []store.Event
	more   chan struct{} // holds a mark when an event has come
	stop   context.CancelFunc
	done   chan error
	ended  atomic.Bool
}

func (e *env) watch() *watch {
	e.Helper()
	ctx, stop := context.WithCancel(e.ctx)
	w := &watch{env: e, stop: stop, done: make(chan error, 1), more: make(chan struct{}, 1)}
	go func() { w.done <- e.Store.(store.Watcher).Watch(ctx, w.note) }()
	e.Cleanup(stop)
	w.await(store.Event{Kind: store.Missed})
	return w
}

func (w *watch) note(event store.Event) {
	if w.ended.Load() {
		w.Errorf("%v was told after the watch had returned", event)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, event)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// await waits until the event has come.
func (w *watch) await(event store.Event) {
	w.Helper()
	deadline := time.After(w.patience)
	for w.count(event) == 0 {
		select {
		case <-w.more:
		case <-deadline:
			w.mu.Lock()
			defer w.mu.Unlock()
			w.Fatalf("%+v was not told; told was %+v", event, w.events)
		}
	}
}

func (w *watch) count(event store.Event) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, told := range w.events {
		if told == event {
			n++
		}
	}
	return n
}

// about returns the events of a session, without changes of its data, which a store may send or not.
func (w *watch) about(key store.Handle) []store.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []store.Event
	for _, told := range w.events {
		if told.Key == key && told.Kind != store.Changed {
			found = append(found, told)
		}
	}
	return found
}

func watchBegins(e *env) {
	w := e.watch()
	w.mu.Lock()
	defer w.mu.Unlock()
	if first := w.events[0]; first != (store.Event{Kind: store.Missed}) {
		e.Errorf("the first event is %+v", first)
	}
}

func watchEnds(e *env) {
	w := e.watch()
	w.stop()
	select {
	case err := <-w.done:
		if !errors.Is(err, context.Canceled) {
			e.Errorf("Watch returned %v", err)
		}
	case <-e.ctx.Done():
		e.Fatal("Watch did not return")
	}
	w.ended.Store(true)
	other := e.watch()
	ref := e.created(store.Change{})
	e.delete(ref)
	other.await(store.Event{Kind: store.Destroyed, Key: ref.Key})
}

func watchTells(e *env) {
	first, second := e.watch(), e.watch()
	ref := e.created(set("a", `1`))
	ref = e.rotate(ref, store.Change{})
	for _, w := range []*watch{first, second} {
		w.await(store.Event{Kind: store.Rotated, Key: ref.Key})
	}
	e.delete(ref)
	for _, w := range []*watch{first, second} {
		w.await(store.Event{Kind: store.Destroyed, Key: ref.Key})
	}
}

func watchTellsRevoked(e *env) {
	st, ok := e.Store.(store.Finder)
	if !ok {
		e.Log("the store knows no owners")
		return
	}
	w := e.watch()
	first, second := e.owned("anna"), e.owned("anna")
	_, err := st.Revoke(e.ctx, store.Selector{Key: first.Key})
	e.must(err, "Revoke")
	w.await(store.Event{Kind: store.Revoked, Key: first.Key})
	third := e.ref()
	third.Policy.Owner = store.OwnerLimit{Max: 1, EndOldest: true}
	e.create(third, store.Change{Owner: ptr("anna")})
	w.await(store.Event{Kind: store.Revoked, Key: second.Key})
}

func watchIsQuiet(e *env) {
	w := e.watch()
	ref, expired, old := e.created(set("a", `1`)), e.created(store.Change{Idle: ptr(idle / 4)}), e.created(store.Change{})
	rotated := e.rotate(old, store.Change{})
	w.await(store.Event{Kind: store.Rotated, Key: old.Key})
	e.load(ref)
	e.save(ref, set("b", `1`))
	e.touch(ref)
	wrong := ref
	wrong.Hash = newHash()
	e.delete(wrong)
	_, _ = e.Store.Save(e.ctx, wrong, store.Change{Rotate: ptr(newHash())})
	_, _ = e.Store.Save(e.ctx, ref, store.Change{Rotate: ptr(newHash()), IfVersion: 9})
	_ = e.Store.Delete(e.ctx, old)
	e.Advance(idle / 2)
	e.collect(store.CollectOptions{})
	e.delete(rotated)
	w.await(store.Event{Kind: store.Destroyed, Key: rotated.Key})
	for name, key := range map[string]store.Handle{"live": ref.Key, "expired": expired.Key} {
		if told := w.about(key); len(told) != 0 {
			e.Errorf("of the %s session was told: %+v", name, told)
		}
	}
	if told := w.about(old.Key); len(told) != 2 {
		e.Errorf("of one rotation and one destroy was told: %+v", told)
	}
}

func watchOneAtATime(e *env) {
	ctx, stop := context.WithCancel(e.ctx)
	defer stop()
	var running, told atomic.Int32
	done := make(chan error, 1)
	begun, enough := make(chan struct{}), make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	go func() {
		done <- e.Store.(store.Watcher).Watch(ctx, func(event store.Event) {
			if running.Add(1) != 1 {
				e.Error("fn was called twice at a time")
			}
			defer running.Add(-1)
			runtime.Gosched() // gives a second call the time to come in
			begin()
			if event.Kind == store.Destroyed && told.Add(1) == 64 {
				close(enough)
			}
		})
	}()
	select {
	case <-begun:
	case <-e.ctx.Done():
		e.Fatal("the watch has not begun with Missed")
	}
	refs := make([]store.Ref, 64)
	for i := range refs {
		refs[i] = e.created(store.Change{})
	}
	e.parallel(8, func(i int) {
		for _, ref := range refs[i*8 : i*8+8] {
			if err := e.Store.Delete(e.ctx, ref); err != nil {
				e.Errorf("Delete: %v", err)
			}
		}
	})
	select {
	case <-enough:
	case <-e.ctx.Done():
		e.Fatalf("%d of %d destroys were told", told.Load(), len(refs))
	}
	stop()
	<-done
}
