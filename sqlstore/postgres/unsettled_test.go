package postgres

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A write waits for those of its row that were given up and are not over, also for one that was given up meanwhile, and
// for no other.
func TestAWriteWaitsForThoseLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u unsettled
		mine, other := store.Handle{1}, store.Handle{2}
		first, second, elsewhere := make(chan struct{}), make(chan struct{}), make(chan struct{})
		u.add(mine, first)
		u.add(other, elsewhere)
		done := make(chan error, 1)
		go func() { done <- u.wait(t.Context(), mine) }()
		synctest.Wait()
		u.add(mine, second)
		close(first)
		synctest.Wait()
		if len(done) > 0 {
			t.Error("it did not wait for the second")
		}
		close(second)
		if err := <-done; err != nil {
			t.Error(err)
		}
		close(elsewhere)
		synctest.Wait()
		if len(u.rows) != 0 || u.count.Load() != 0 {
			t.Errorf("left are %v, counted %d", u.rows, u.count.Load())
		}
		u.add(mine, first) // over already
		if u.count.Load() != 0 {
			t.Error("what is over is kept")
		}
	})
}

func TestAWriteThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var u unsettled
		over := make(chan struct{})
		defer close(over)
		u.add(store.Handle{1}, over)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := u.wait(ctx, store.Handle{1}); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
	})
}
