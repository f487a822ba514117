package collector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A pause of fixed length comes once between what deletes rows, and not if it would last beyond the run's time.
func TestAFixedPause(t *testing.T) {
	for name, c := range map[string]struct {
		opts store.CollectOptions
		owed bool
		want time.Duration
		stop store.StopReason
	}{
		"after a delete": {store.CollectOptions{Pause: time.Hour}, true, time.Hour, ""},
		"after none":     {store.CollectOptions{Pause: time.Hour}, false, 0, ""},
		"in time":        {store.CollectOptions{Pause: time.Hour, MaxDuration: 2 * time.Hour}, true, time.Hour, ""},
		"too long": {store.CollectOptions{Pause: time.Hour, MaxDuration: time.Hour}, true, 0,
			store.StopMaxDuration},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				p := &pacer{opts: c.opts, started: start}
				if c.owed {
					p.deleted(1, 0, 0)
				}
				stop, err := p.wait(t.Context(), t.Context(), true)
				if took := time.Since(start); took != c.want || stop != c.stop || err != nil {
					t.Errorf("took %v, stops %q, %v", took, stop, err)
				}
				if _, _ = p.wait(t.Context(), t.Context(), true); time.Since(start) != c.want {
					t.Error("it comes twice")
				}
			})
		})
	}
}

// A run is not over before it has tried to delete something, and then is, whether that had an effect or not.
func TestATimeThatIsOver(t *testing.T) {
	p := &pacer{opts: store.CollectOptions{MaxDuration: time.Second}, started: time.Now().Add(-time.Minute),
		look: func(context.Context, int64, time.Duration) (bool, error) { return false, nil }}
	if stop, err := p.wait(t.Context(), t.Context(), true); stop != "" || err != nil {
		t.Errorf("before it has tried: %q, %v", stop, err)
	}
	p.deleted(0, time.Millisecond, 0)
	if stop, err := p.wait(t.Context(), t.Context(), true); stop != store.StopMaxDuration || err != nil {
		t.Errorf("after its time: %q, %v", stop, err)
	}
}

// Beside others the portions are small, and no rest is so long that more sessions end in it than were deleted. Alone
// there is none, and a whole batch at a time.
func TestThePaceBesideOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		others := true
		p := &pacer{opts: store.CollectOptions{Batch: 500}, started: time.Now(),
			look: func(context.Context, int64, time.Duration) (bool, error) { return others, nil }}
		rested := func(took, clock time.Duration) time.Duration {
			p.deleted(p.size(), took, clock)
			begun := time.Now()
			if stop, err := p.wait(t.Context(), t.Context(), true); stop != "" || err != nil {
				t.Errorf("it stops: %q, %v", stop, err)
			}
			return time.Since(begun)
		}
		if err := p.begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := p.size(); n >= 500 {
			t.Errorf("a portion of %d", n)
		}
		if d := rested(time.Millisecond, 30*time.Millisecond); d != 19*time.Millisecond {
			t.Errorf("it rests %v for what had ended within 30ms", d)
		}
		if d := rested(time.Millisecond, time.Hour); d != 400*time.Millisecond {
			t.Errorf("it rests %v where few sessions end", d)
		}
		others = false
		var resting time.Duration
		for p.busy {
			resting += rested(time.Millisecond, time.Hour)
		}
		if resting > restless {
			t.Errorf("it rests %v after the others have gone", resting)
		}
		if d := rested(time.Millisecond, time.Hour); d != 0 || p.size() != 500 {
			t.Errorf("alone it rests %v, with portions of %d", d, p.size())
		}
	})
}

func TestARestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		p := &pacer{started: time.Now(),
			look: func(context.Context, int64, time.Duration) (bool, error) { return true, nil }}
		p.deleted(1, time.Second, 0)
		begun := time.Now()
		stop, err := p.wait(ctx, t.Context(), true)
		if stop != store.StopSignal || err != nil || time.Since(begun) != 30*time.Millisecond {
			t.Errorf("%q, %v after %v", stop, err, time.Since(begun))
		}
	})
}
