// Package deadline bounds many short calls in time at the price of few timers.
//
// A timer for each call costs more than it seems: one that is due before all others wakes the thread that waits for the
// network, and in a service with little to do every one is. Calls that begin at about the same time share one here.
// A call that nobody can cancel needs nothing else: a save that outlives its request, a batch.
package deadline

import (
	"context"
	"sync/atomic"
	"time"
)

// parts is into how many a timeout is divided; calls that begin within one of them end together.
const parts = 32

// Clock gives calls the same timeout. Make it with New. All methods are safe for concurrent use.
type Clock struct {
	timeout time.Duration
	current atomic.Pointer[instant]
}

// instant is when calls end that have begun before until.
type instant struct {
	context.Context
	until  time.Time
	cancel context.CancelFunc // never called: the timer ends the context, and is all that it holds
}

// New returns a clock for a timeout, which is positive.
func New(timeout time.Duration) *Clock { return &Clock{timeout: timeout} }

// Bound returns a context that ends when ctx does, or else, with DeadlineExceeded, when the timeout is over. The
// CancelFunc is to be called when the call is over. Where ctx never ends, which is what makes it cheap, the timeout may
// be a 32nd shorter.
func (c *Clock) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Done() != nil {
		c.instant() // a timer that is due before the one of this call, and stays: the thread need not be woken
		return context.WithTimeout(ctx, c.timeout)
	}
	return &bounded{ctx, c.instant()}, func() {}
}

// End is closed when a call that begins now is to end: a caller who only waits needs no context of his own. It is nil where
// the call ends with ctx, which has a deadline.
func (c *Clock) End(ctx context.Context) <-chan struct{} {
	if _, has := ctx.Deadline(); has {
		return nil
	}
	return c.instant().Done()
}

func (c *Clock) instant() *instant {
	now := time.Now()
	if at := c.current.Load(); at != nil && now.Before(at.until) {
		return at
	}
	ctx, cancel := context.WithDeadline(context.Background(), now.Add(c.timeout))
	at := &instant{ctx, now.Add(c.timeout / parts), cancel}
	c.current.Store(at)
	return at
}

// bounded has the values of a context that never ends, and ends at an instant.
type bounded struct {
	context.Context
	end *instant
}

func (c *bounded) Deadline() (time.Time, bool) { return c.end.Deadline() }
func (c *bounded) Done() <-chan struct{}       { return c.end.Done() }
func (c *bounded) Err() error                  { return c.end.Err() }

// Value also answers what package context asks the one that ends, so that contexts derived from this one hang on that
// and need no goroutine.
func (c *bounded) Value(key any) any {
	if v := c.end.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}
