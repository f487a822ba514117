package postgres

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A pause of fixed length comes once between what deletes rows, and not where it would last beyond the run's time.
func TestAFixedPause(t *testing.T) {
	for name, c := range map[string]struct {
		opts  store.CollectOptions
		owes  bool
		want  time.Duration
		on    bool
		ended bool
	}{
		"after a delete": {store.CollectOptions{Pause: time.Hour}, true, time.Hour, true, false},
		"after none":     {store.CollectOptions{Pause: time.Hour}, false, 0, true, false},
		"in time":        {store.CollectOptions{Pause: time.Hour, MaxDuration: 2 * time.Hour}, true, time.Hour, true, false},
		"too long":       {store.CollectOptions{Pause: time.Hour, MaxDuration: time.Hour}, true, 0, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				run := &collector{opts: c.opts, owes: c.owes, started: start}
				on := run.pause(t.Context())
				if took := time.Since(start); took != c.want || on != c.on || run.over != c.ended || run.owes {
					t.Errorf("took %v, goes on %v, is over %v, owes %v", took, on, run.over, run.owes)
				}
				if run.pause(t.Context()) != true || time.Since(start) != c.want {
					t.Error("it comes twice")
				}
			})
		})
	}
}

// A run is not over before it has tried to delete something, and then is, whether that had an effect or not.
func TestATimeThatIsOver(t *testing.T) {
	run := &collector{opts: store.CollectOptions{MaxDuration: time.Second}, started: time.Now().Add(-time.Minute)}
	if run.late() {
		t.Error("it is over before it has tried")
	}
	if run.tried = true; !run.late() {
		t.Error("it goes on after its time")
	}
}
