package postgres

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// A pause of fixed length follows what deleted rows, and nothing else: neither what was only walked over nor, below zero,
// anything.
func TestAFixedPauseFollowsWhatWasDeleted(t *testing.T) {
	for _, c := range []struct {
		pause   time.Duration
		deleted bool
		want    time.Duration
	}{
		{time.Hour, true, time.Hour},
		{time.Hour, false, 0},
		{-1, true, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			run, start := &collector{opts: session.CollectOptions{Pause: c.pause}}, time.Now()
			if err := run.pause(t.Context(), t.Context(), time.Second, c.deleted); err != nil {
				t.Error(err)
			}
			if took := time.Since(start); took != c.want {
				t.Errorf("with %v, deleted %v: %v", c.pause, c.deleted, took)
			}
		})
	}
}
