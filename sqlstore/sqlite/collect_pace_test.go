package sqlite

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// While others save, in this process or another, a collector gets nowhere near the end of what it does at once where it
// is alone.
func TestACollectorMakesWayForThoseWhoSave(t *testing.T) {
	path := newPath(t)
	s, other := open(t, path), open(t, path)
	expired(t, s, 20_000, 100) // half a second's work where it is alone
	brief := store.CollectOptions{MaxDuration: time.Second}
	for name, one := range map[string]*Store{"the same process": s, "another": other} {
		stop := keepSaving(t, one)
		report := collected(t, s, brief)
		stop()
		if report.Stopped != store.StopMaxDuration || report.Deleted == 0 {
			t.Errorf("beside saves of %s: %+v", name, report)
		}
		if took := report.Duration; took > 10*brief.MaxDuration {
			t.Errorf("beside saves of %s a run of %v took %v", name, brief.MaxDuration, took)
		}
	}
	if report := collected(t, s, store.CollectOptions{MaxDuration: time.Minute}); report.Stopped != store.StopDone {
		t.Errorf("alone: %+v", report)
	}
	expired(t, s, 2000, 100)
	stop := keepSaving(t, s)
	defer stop()
	hurry := store.CollectOptions{MaxDuration: time.Minute, Pause: -1}
	if report := collected(t, s, hurry); report.Stopped != store.StopDone {
		t.Errorf("without pauses: %+v", report)
	}
}

func TestACollectorThatRestsStopsAtOnce(t *testing.T) {
	s := open(t, newPath(t))
	expired(t, s, 2000, 100)
	stop := keepSaving(t, s)
	defer stop()
	ctx, cancel := context.WithCancel(t.Context())
	opts := store.CollectOptions{Batch: 10, Progress: func(store.CollectReport) { cancel() }}
	report, err := s.Collect(ctx, opts)
	if err != nil || report.Stopped != store.StopSignal || report.Batches != 1 {
		t.Errorf("%+v, %v", report, err)
	}
}

func collected(t *testing.T, s *Store, opts store.CollectOptions) store.CollectReport {
	t.Helper()
	report, err := s.Collect(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// keepSaving has a session saved over and over until it is told to stop, beginning before it returns.
func keepSaving(t *testing.T, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ref := created(t, s, store.Change{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.Save(ctx, ref, store.Change{}); err != nil && ctx.Err() == nil {
				t.Errorf("saving beside a collector: %v", err)
				return
			}
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// A pause is for what follows. A vacuum that is at its end, or out of time, makes none.
func TestAVacuumDoesNotPauseAtItsEnd(t *testing.T) {
	for name, c := range map[string]struct {
		steps  int64
		limit  time.Duration
		budget time.Duration
	}{
		"nothing is left":            {steps: vacuumSteps - 1, budget: 24 * time.Hour},
		"no time of its own is left": {steps: 3 * vacuumSteps, budget: time.Minute},
		"no time of the run is left": {steps: 3 * vacuumSteps, budget: 24 * time.Hour, limit: time.Minute},
	} {
		s := open(t, newPath(t))
		expired(t, s, 2000, 2000)
		edit(t, s, "delete from sessions")
		r := newCollectRun(s, store.CollectOptions{Pause: time.Hour, MaxDuration: c.limit})
		size := (surplus(t, s) + c.steps - 1) / c.steps
		r.pages = pace{size: size, least: size, most: size}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		if err := r.vacuum(ctx, c.budget); err != nil || ctx.Err() != nil {
			t.Errorf("%s: %v, %v", name, err, ctx.Err())
		}
		cancel()
		if left := surplus(t, s); (left > 0) != (c.steps > vacuumSteps) {
			t.Errorf("%s: %d pages are left", name, left)
		}
	}
}

// surplus is how many pages a vacuum gives back.
func surplus(t *testing.T, s *Store) (n int64) {
	t.Helper()
	err := s.writer.do(t.Context(), func(c *conn) error {
		free, err := c.number(freePages)
		if err != nil {
			return err
		}
		all, err := c.number(allPages)
		for n = 0; free-n > (all-n)/vacuumKeep; n++ {
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
