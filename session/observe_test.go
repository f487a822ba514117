package session_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// watcher collects observations.
type watcher struct {
	mu  sync.Mutex
	all []session.Observation
}

func (w *watcher) observe(ctx context.Context, o session.Observation) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx == nil {
		o.Err = errors.New("no context")
	}
	w.all = append(w.all, o)
}

func (w *watcher) taken() []session.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.all
	w.all = nil
	return all
}

func printAll[T any](values []T) string { return fmt.Sprintf("%+v %#v", values, values) }

func ops(observations []session.Observation) (ops []session.Op) {
	for _, o := range observations {
		ops = append(ops, o.Op)
	}
	return ops
}

// Each operation is told of once, with the session's handle, the time it took and how it went.
func TestObservations(t *testing.T) {
	for _, c := range []struct {
		name string
		idle time.Duration
		do   func(*session.Session) error
		want []session.Op
	}{
		{"read", 0, reading, []session.Op{session.OpLoad}},
		{"read after the step", 30 * time.Minute, reading, []session.Op{session.OpLoad, session.OpTouch}},
		{"set", 0, setting, []session.Op{session.OpLoad, session.OpSave}},
		{"rotate", 0, generate, []session.Op{session.OpLoad, session.OpSave, session.OpRotate}},
		{"destroy", 0, destroying, []session.Op{session.OpLoad, session.OpDestroy}},
		{"start again", 0, func(s *session.Session) error { return errors.Join(destroying(s), s.Generate()) },
			[]session.Op{session.OpLoad, session.OpDestroy, session.OpCreate}},
		{"modify", 0, increment, []session.Op{session.OpLoad, session.OpLoad, session.OpSave}},
		{"update", 0, func(s *session.Session) error { return s.Update(background) },
			[]session.Op{session.OpLoad, session.OpTouch}},
	} {
		bubble(t, c.name, func(t *testing.T) {
			var w watcher
			s := newSite(t, func(config *session.Config) { config.Observe = w.observe })
			b := s.browser(s.stored("name"))
			handle := b.handle()
			time.Sleep(c.idle)
			w.taken()
			s.store.hook(func(context.Context, string) error { time.Sleep(time.Millisecond); return nil })
			b.use(c.do)
			synctest.Wait()
			time.Sleep(time.Second) // a touch in the background
			all := w.taken()
			if got := ops(all); !slices.Equal(got, c.want) {
				t.Errorf("observed %q, want %q", got, c.want)
			}
			for _, o := range all {
				if o.Err != nil || o.Duration != time.Millisecond || (o.Handle != handle && o.Op != session.OpCreate) {
					t.Errorf("%s: handle %v, %v, %v", o.Op, o.Handle, o.Duration, o.Err)
				}
			}
		})
	}
}

// Where Modify locks the row after conflicts, what ends in its function is not told as if the store had failed.
func TestObservedLockedModify(t *testing.T) {
	own := errors.New("own")
	for name, c := range map[string]struct {
		fn   func(*session.Draft) error
		want error // of Modify
		ops  []session.Op
	}{
		"set": {func(d *session.Draft) error { return d.Set("n", 1) }, nil,
			[]session.Op{session.OpSave, session.OpRotate}},
		"of its own": {func(*session.Draft) error { return own }, own, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var w watcher
			s := newSite(t, func(config *session.Config) { config.Observe = w.observe })
			of := s.open(s.stored("a"))
			lost := 0
			s.store.hook(func(_ context.Context, op string) error {
				if op == "save" {
					lost++
					return store.ErrConflict
				}
				return nil
			})
			s.ok(of.Generate())
			err := of.Modify(t.Context(), func(d *session.Draft) error {
				if lost < 3 {
					return d.Set("n", 0)
				}
				w.taken()
				return c.fn(d)
			})
			if err != c.want || lost != 3 {
				t.Errorf("Modify after %d conflicts: %v", lost, err)
			}
			all := w.taken()
			if got := ops(all); !slices.Equal(got, c.ops) {
				t.Errorf("observed %q, want %q", got, c.ops)
			}
			for _, o := range all {
				if o.Err != nil || o.Handle != of.Handle() {
					t.Errorf("%+v", o)
				}
			}
		})
	}
}

func TestObservedFailures(t *testing.T) {
	var w watcher
	s := newSite(t, func(config *session.Config) { config.Observe = w.observe })
	of := s.open(s.stored("a"))
	token := of.ID().Reveal()
	w.taken()
	s.store.failBefore(errDown, "load", "save", "touch", "delete")
	ctx := t.Context()
	_ = errors.Join(of.Load(ctx), of.Update(ctx), of.Generate(), of.Save(ctx), of.Destroy(ctx))
	all := w.taken()
	want := []session.Op{session.OpLoad, session.OpTouch, session.OpSave, session.OpDestroy}
	if got := ops(all); !slices.Equal(got, want) {
		t.Errorf("observed %q, want %q", got, want)
	}
	for _, o := range all {
		wantIs(t, string(o.Op), o.Err, errDown)
	}
	wantRedacted(t, "an observation", printAll(all), token, of.ID().Reveal())
	s.store.failBefore(nil)
	if _, err := s.m.Revoke(t.Context(), of.Handle()); err != nil {
		t.Error(err)
	}
	if got := ops(w.taken()); !slices.Equal(got, []session.Op{session.OpRevoke}) {
		t.Errorf("observed %q", got)
	}
}
