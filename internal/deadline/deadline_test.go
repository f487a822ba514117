package deadline

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

// parents are contexts of both kinds, those that never end by themselves and those that may.
func parents(t *testing.T, visit func(t *testing.T, ctx context.Context)) {
	t.Run("without an end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { visit(t, context.WithValue(context.Background(), key{}, "v")) })
	})
	t.Run("with one", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { visit(t, context.WithValue(t.Context(), key{}, "v")) })
	})
}

func TestACallEndsWithTheTimeout(t *testing.T) {
	parents(t, func(t *testing.T, parent context.Context) {
		start := time.Now()
		ctx, cancel := New(time.Minute).Bound(parent)
		defer cancel()
		if ctx.Err() != nil || ctx.Value(key{}) != "v" {
			t.Errorf("at first: error %v, value %v", ctx.Err(), ctx.Value(key{}))
		}
		if at, has := ctx.Deadline(); !has || !at.Equal(start.Add(time.Minute)) {
			t.Errorf("the deadline is %v, %v", at, has)
		}
		<-ctx.Done()
		if took := time.Since(start); took != time.Minute {
			t.Errorf("it ended after %v", took)
		}
		if ctx.Err() != context.DeadlineExceeded || context.Cause(ctx) != context.DeadlineExceeded {
			t.Errorf("error %v, cause %v", ctx.Err(), context.Cause(ctx))
		}
	})
}

// However calls fall, each has nearly the whole timeout and none has more.
func TestEachCallHasNearlyTheWholeTimeout(t *testing.T) {
	parents(t, func(t *testing.T, parent context.Context) {
		c := New(time.Minute)
		for range 100 {
			ctx, cancel := c.Bound(parent)
			at, _ := ctx.Deadline()
			if left := time.Until(at); left > time.Minute || left <= time.Minute-time.Minute/parts {
				t.Fatalf("%v are left of a minute", left)
			}
			cancel()
			time.Sleep(777 * time.Millisecond) // on the bubble's clock
		}
	})
}

func TestCallsThatBeginTogetherShareTimers(t *testing.T) {
	c, ends := New(time.Minute), map[<-chan struct{}]bool{}
	for range 1000 {
		ctx, _ := c.Bound(context.Background())
		ends[ctx.Done()] = true
	}
	if len(ends) > shards {
		t.Errorf("1000 calls have %d timers, want at most %d", len(ends), shards)
	}
}

func TestWhatHangsOnACallEndsWithIt(t *testing.T) {
	parents(t, func(t *testing.T, parent context.Context) {
		ctx, cancel := New(time.Minute).Bound(parent)
		defer cancel()
		child, cancelChild := context.WithCancel(ctx)
		defer cancelChild()
		told := make(chan struct{})
		context.AfterFunc(child, func() { close(told) })
		<-told
		if child.Err() != context.DeadlineExceeded || context.Cause(child) != context.DeadlineExceeded {
			t.Errorf("the child ended with %v, %v", child.Err(), context.Cause(child))
		}
	})
}

func TestACallEndsWithItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := errors.New("gone")
		parent, end := context.WithCancelCause(t.Context())
		ctx, cancel := New(time.Minute).Bound(parent)
		defer cancel()
		end(gone)
		<-ctx.Done()
		if ctx.Err() != context.Canceled || context.Cause(ctx) != gone {
			t.Errorf("error %v, cause %v", ctx.Err(), context.Cause(ctx))
		}
	})
}

func TestTheCallersOwnDeadlineHoldsWhereItIsEarlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithTimeout(t.Context(), time.Second)
		defer end()
		ctx, cancel := New(time.Minute).Bound(parent)
		defer cancel()
		want, _ := parent.Deadline()
		if at, _ := ctx.Deadline(); !at.Equal(want) {
			t.Errorf("the deadline is %v, the caller's %v", at, want)
		}
		<-ctx.Done()
		if ctx.Err() != context.DeadlineExceeded {
			t.Errorf("error %v", ctx.Err())
		}
	})
}

// What asked to be told of the end is told once, by whichever end comes, unless it has taken that back.
func TestHooks(t *testing.T) {
	ends := map[string]func(cancel, over context.CancelFunc){
		"the caller's": func(cancel, _ context.CancelFunc) { cancel() },
		"its own":      func(_, over context.CancelFunc) { over(); over() },
		"its time's":   func(_, _ context.CancelFunc) { time.Sleep(time.Minute) }, // on the bubble's clock
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				parent, cancel := context.WithCancel(t.Context())
				defer cancel()
				ctx, over := New(time.Minute).Bound(parent)
				defer over()
				var told [4]atomic.Int32
				var stops [4]func() bool
				for i := range told {
					stops[i] = context.AfterFunc(ctx, func() { told[i].Add(1) })
				}
				if !stops[1]() || !stops[3]() || stops[1]() {
					t.Error("a hook was to be taken back once")
				}
				end(cancel, over)
				synctest.Wait()
				context.AfterFunc(ctx, func() { told[0].Add(1) }) // too late: at once
				synctest.Wait()
				if a, b, c, d := told[0].Load(), told[1].Load(), told[2].Load(), told[3].Load(); a != 2 || b+d != 0 || c != 1 {
					t.Errorf("told %d, %d, %d and %d times", a, b, c, d)
				}
				if stops[0]() {
					t.Error("what was told was taken back")
				}
			})
		})
	}
}

// A call that ends before anybody asked for its end says how, and keeps to it.
func TestTheFirstEndCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		c := New(time.Minute)
		left, over := c.Bound(parent)
		defer over()
		done, finish := c.Bound(parent)
		finish()
		cancel()
		for name, ctx := range map[string]context.Context{"left": left, "done": done} {
			if ctx.Err() != context.Canceled {
				t.Errorf("%s: %v", name, ctx.Err())
			}
		}
		late, over := c.Bound(t.Context())
		defer over()
		time.Sleep(time.Minute) // on the bubble's clock
		synctest.Wait()
		for name, ctx := range map[string]context.Context{"left": left, "done": done} {
			if <-ctx.Done(); ctx.Err() != context.Canceled {
				t.Errorf("%s, after a minute: %v", name, ctx.Err())
			}
		}
		if late.Err() != context.DeadlineExceeded {
			t.Errorf("late: %v", late.Err())
		}
	})
}

func BenchmarkBound(b *testing.B) {
	for name, parent := range map[string]context.Context{"background": context.Background(), "cancelable": b.Context()} {
		b.Run(name+"/shared", func(b *testing.B) {
			c := New(10 * time.Second)
			b.ReportAllocs()
			for b.Loop() {
				_, cancel := c.Bound(parent)
				cancel()
			}
		})
		b.Run(name+"/shared, watched", func(b *testing.B) {
			c := New(10 * time.Second)
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := c.Bound(parent)
				context.AfterFunc(ctx, func() {})()
				cancel()
			}
		})
		b.Run(name+"/own, watched", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, cancel := context.WithTimeout(parent, 10*time.Second)
				context.AfterFunc(ctx, func() {})()
				cancel()
			}
		})
		b.Run(name+"/own", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, cancel := context.WithTimeout(parent, 10*time.Second)
				cancel()
			}
		})
	}
}

// Calls end in any order, together with the instant too, and leave nothing behind.
func TestCallsThatAreOverAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancelAll := context.WithCancel(t.Context())
		defer cancelAll()
		c := New(time.Minute)
		var done [9]context.CancelFunc
		var calls [9]context.Context
		for i := range done {
			calls[i], done[i] = c.Bound(parent)
			calls[i].Done()
		}
		for _, i := range []int{8, 0, 4, 3, 5, 4} { // the first, the last, from the middle, one of them twice
			done[i]()
			if calls[i].Err() != context.Canceled {
				t.Errorf("call %d is over with %v", i, calls[i].Err())
			}
		}
		if n := c.held(); n != 4 {
			t.Errorf("%d calls are held of 4", n)
		}
		time.Sleep(time.Minute) // on the bubble's clock
		synctest.Wait()
		for _, i := range []int{1, 2, 6, 7} {
			if calls[i].Err() != context.DeadlineExceeded {
				t.Errorf("call %d ended with %v", i, calls[i].Err())
			}
			done[i]()
		}
	})
}

// held is how many calls the clock's instants hold.
func (c *Clock) held() (n int) {
	for i := range c.current {
		if at := c.current[i].Load(); at != nil {
			n += at.held()
		}
	}
	return n
}

func (at *instant) held() (n int) {
	at.mu.Lock()
	defer at.mu.Unlock()
	for b := at.calls; b != nil; b = b.next {
		n++
	}
	return n
}

// A call whose goroutine had to wait from its first step to beyond its end has none that could still come.
func TestACallThatComesTooLateEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancel := context.WithCancel(t.Context())
		defer cancel()
		at := New(time.Minute).instant()
		time.Sleep(time.Minute) // on the bubble's clock
		synctest.Wait()
		for _, ask := range []func(*call){func(*call) {}, func(c *call) { <-c.Done() }} {
			late := &call{Context: parent, end: at}
			ask(late)
			if late.Err() != context.DeadlineExceeded {
				t.Errorf("it ended with %v", late.Err())
			}
		}
		if at.held() > 0 {
			t.Error("it is held")
		}
	})
}

func TestCallsEndWhileTheyAreOver(t *testing.T) {
	parent, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := New(32 * time.Millisecond)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 2000 {
				ctx, over := c.Bound(parent)
				if i%500 == 0 {
					<-ctx.Done()
				}
				over()
			}
		})
	}
	all.Wait()
	if n := c.held(); n != 0 {
		t.Errorf("%d calls are held after the end", n)
	}
}
