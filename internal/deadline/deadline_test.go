package deadline

import (
	"context"
	"errors"
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

func TestOnlyTheTimeEndsACallWhoseCallerNeverDoes(t *testing.T) {
	parent := context.WithValue(context.Background(), key{}, "v")
	ctx, cancel := New(time.Minute).Bound(parent)
	defer cancel()
	want, _ := ctx.Deadline()
	values, end, fixed := Fixed(ctx)
	if !fixed || !end.Equal(want) || values.Done() != nil || values.Value(key{}) != "v" {
		t.Errorf("fixed %v until %v, want %v; values %v", fixed, end, want, values)
	}
	for name, parent := range map[string]context.Context{"bound": ctx, "cancelable": t.Context()} {
		child, cancel := New(time.Minute).Bound(parent)
		defer cancel()
		if _, _, fixed := Fixed(child); fixed {
			t.Errorf("a context of one that is %s is fixed", name)
		}
	}
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
