package session_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// collected is a store that tells of each run, which hook may let last or fail.
type collected struct {
	*memstore.Store
	runs atomic.Int64
	opts atomic.Pointer[store.CollectOptions]
	hook func(context.Context) (store.StopReason, error)
}

func (c *collected) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	c.runs.Add(1)
	c.opts.Store(&opts)
	if c.hook != nil {
		stopped, err := c.hook(ctx)
		return store.CollectReport{Stopped: stopped}, err
	}
	return c.Store.Collect(ctx, opts)
}

// collecting makes a site that collects by itself, in its default interval.
func collecting(t *testing.T, hook func(context.Context) (store.StopReason, error), change ...func(*session.Config)) (*site, *collected) {
	s := newSite(t)
	st := &collected{Store: s.store.Store, hook: hook}
	config := session.Config{Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	for _, change := range change {
		change(&config)
	}
	s.m = newManager(t, st, config)
	return s, st
}

// A table does not grow for ever, and the application hears of it.
func TestSessionsAreCollected(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		var w watcher
		s, st := collecting(t, nil, func(c *session.Config) { c.Observe = w.observe })
		for range 3 {
			s.stored("name")
		}
		time.Sleep(2 * time.Hour)
		w.taken()
		s.stored("name")
		synctest.Wait()
		if st.Len() != 1 || st.runs.Load() != 1 {
			t.Errorf("%d rows after %d runs, want 1 after 1", st.Len(), st.runs.Load())
		}
		all := w.taken()
		i := slices.IndexFunc(all, func(o session.Observation) bool { return o.Op == session.OpCollect })
		if i < 0 || all[i].Deleted != 3 || all[i].Err != nil || !all[i].Handle.IsZero() {
			t.Errorf("observed %+v, want 3 deleted", all)
		}
		if most := st.opts.Load().MaxDuration; most != 9*time.Minute {
			t.Errorf("a run may last %v", most)
		}
	})
}

// At most one run begins in an interval, however many sessions are created, and none without.
func TestCollectingIsBounded(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, st := collecting(t, nil)
		b := s.browser(s.stored("name"))
		for range 10 * 60 {
			time.Sleep(time.Second)
			s.stored("name")
		}
		synctest.Wait()
		if n := st.runs.Load(); n != 1 {
			t.Errorf("%d runs in the first interval, want 1", n)
		}
		for range 10 * 60 {
			time.Sleep(time.Minute)
			s.stored("name")
		}
		synctest.Wait()
		if n := st.runs.Load(); n < 54 || n > 67 {
			t.Errorf("%d runs in ten hours, want one in ten minutes", n)
		}
		before := st.runs.Load()
		for range 60 {
			time.Sleep(10 * time.Minute)
			b.use(reading)
		}
		if n := st.runs.Load() - before; n != 0 {
			t.Errorf("%d runs while none was created", n)
		}
	})
}

func TestCollectingIsSwitchedOff(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s, st := collecting(t, nil, func(c *session.Config) { c.CollectInterval = -1 })
		time.Sleep(time.Hour)
		s.stored("name")
		synctest.Wait()
		if n := st.runs.Load(); n != 0 {
			t.Errorf("%d runs", n)
		}
	})
}

// A run that lasts does not have a second one begin beside it.
func TestOneRunAtATime(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		release := make(chan struct{})
		s, st := collecting(t, func(context.Context) (store.StopReason, error) { <-release; return store.StopDone, nil })
		time.Sleep(time.Hour)
		var work sync.WaitGroup
		for range 20 {
			work.Go(func() {
				made := s.m.NewSession()
				if err := errors.Join(made.Generate(), made.Save(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		time.Sleep(time.Hour)
		s.stored("name")
		synctest.Wait()
		if n := st.runs.Load(); n != 1 {
			t.Errorf("%d runs at once", n)
		}
		close(release)
		synctest.Wait()
		s.stored("name")
		synctest.Wait()
		if n := st.runs.Load(); n != 2 {
			t.Errorf("%d runs, want another after a long one", n)
		}
	})
}

// Shutdown ends a run, waits for it, and lets none begin.
func TestShutdownEndsCollecting(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		ended := false
		s, st := collecting(t, func(ctx context.Context) (store.StopReason, error) {
			<-ctx.Done()
			time.Sleep(time.Second) // the batch that is under way
			ended = true
			return store.StopSignal, nil
		})
		time.Sleep(time.Hour)
		s.stored("name")
		synctest.Wait()
		s.ok(s.m.Shutdown(t.Context()))
		if !ended {
			t.Error("Shutdown has not waited")
		}
		time.Sleep(time.Hour)
		s.stored("name")
		synctest.Wait()
		if n := st.runs.Load(); n != 1 {
			t.Errorf("%d runs, one of them after the shutdown", n)
		}
	})
}

// A run that fails is logged, as is one from which the database keeps rows, and the next one comes all the same.
func TestCollectingFails(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		var w watcher
		outcomes := []func() (store.StopReason, error){
			func() (store.StopReason, error) { return "", errDown },
			func() (store.StopReason, error) { return store.StopRefused, nil },
			func() (store.StopReason, error) { return store.StopLocked, nil },
		}
		var next atomic.Int64
		s, st := collecting(t, func(context.Context) (store.StopReason, error) { return outcomes[next.Add(1)-1]() },
			func(c *session.Config) { c.Observe = w.observe })
		for range outcomes {
			time.Sleep(time.Hour)
			s.stored("name")
			synctest.Wait()
		}
		if n := st.runs.Load(); n != int64(len(outcomes)) {
			t.Errorf("%d runs", n)
		}
		if log := s.log.String(); strings.Count(log, "level=WARN") != 2 || !strings.Contains(log, errDown.Error()) {
			t.Errorf("logged %s", log)
		}
		all := slices.DeleteFunc(w.taken(), func(o session.Observation) bool { return o.Op != session.OpCollect })
		if len(all) != 3 || !errors.Is(all[0].Err, errDown) {
			t.Errorf("observed %+v", all)
		}
	})
}
