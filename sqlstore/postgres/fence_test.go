package postgres

import (
	"context"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// When a fence is over by this process's clock, the database's has passed it, however the two differ and however long the
// answer took.
func TestTheDatabaseHasPassedAFenceThatIsOver(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, 0, time.Hour} {
		for _, there := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond} {
			synctest.Test(t, func(t *testing.T) {
				f := newFences(4 * time.Second)
				database := func() time.Time { return time.Now().Add(ahead) }
				sent := time.Now()
				time.Sleep(there)
				clock := database()
				time.Sleep(100 * time.Millisecond)
				f.note(sent, clock)
				time.Sleep(time.Hour)
				next := f.next()
				if early := next.end.Sub(database()); early <= 0 || early > f.window {
					t.Errorf("a statement has %v", early)
				}
				time.Sleep(time.Until(next.until))
				if database().Before(next.end) {
					t.Errorf("the fence is %v ahead when it is over", next.end.Sub(database()))
				}
			})
		}
	}
}

// An answer that took long would put the fences of a database that answers at once into the past.
func TestALateAnswerSaysNothingOfTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFences(4 * time.Second)
		f.note(time.Now(), time.Now())
		sent, clock := time.Now(), time.Now()
		time.Sleep(2 * time.Second)
		f.note(sent, clock)
		if got := f.next(); time.Until(got.end) != f.window {
			t.Errorf("a statement has %v", time.Until(got.end))
		}
	})
}

// A write waits for those of its row whose outcome is open and that are not over, also for one that is added meanwhile,
// and for no other.
func TestAWriteWaitsForThoseThatArePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pendingWrites
		mine, other := store.Handle{1}, store.Handle{2}
		first, elsewhere := make(chan struct{}), make(chan struct{})
		p.add(mine, pendingWrite{done: first})
		p.add(other, pendingWrite{done: elsewhere})
		done := make(chan error, 1)
		go func() { done <- p.wait(t.Context(), mine) }()
		synctest.Wait()
		end := time.Now().Add(time.Minute)
		p.add(mine, pendingWrite{until: end})
		close(first)
		if err := <-done; err != nil || time.Now().Before(end) {
			t.Errorf("%v, %v before the second was over", err, time.Until(end))
		}
		close(elsewhere)
		synctest.Wait()
		if len(p.rows) != 0 || p.count.Load() != 0 {
			t.Errorf("left are %v, counted %d", p.rows, p.count.Load())
		}
		p.add(mine, pendingWrite{done: first}) // over already
		if p.count.Load() != 0 {
			t.Error("what is over is kept")
		}
	})
}

func TestAWriteThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pendingWrites
		over := make(chan struct{})
		defer close(over)
		p.add(store.Handle{1}, pendingWrite{done: over})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.wait(ctx, store.Handle{1}); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
	})
}

// A statement whose answer was lost returns when it can no longer take effect; if its caller leaves before, the next write
// of the row waits.
func TestAnOpenOutcomeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, key := newFences(4*time.Second), store.Handle{1}
		sent := f.next()
		f.ended(t.Context(), sent, io.ErrUnexpectedEOF, key)
		if time.Now().Before(sent.until) {
			t.Errorf("it returned %v before", time.Until(sent.until))
		}
		left, leave := context.WithCancel(t.Context())
		leave()
		sent = f.next()
		f.ended(left, sent, context.Canceled, key)
		if !time.Now().Before(sent.until) {
			t.Error("it did not end with its context")
		}
		if err := f.pending.wait(t.Context(), key); err != nil || time.Now().Before(sent.until) {
			t.Errorf("%v, and the next write comes %v before", err, time.Until(sent.until))
		}
		begun := time.Now()
		for _, known := range []error{nil, store.ErrGone, server("23505"), &unsent{io.EOF}, errUnserved, errFenced} {
			f.ended(t.Context(), f.next(), known, key)
		}
		if time.Now() != begun {
			t.Error("a known outcome was waited for")
		}
		synctest.Wait()
	})
}
