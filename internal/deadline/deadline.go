// Package deadline bounds many short calls in time at the price of few timers.
//
// A timer for each call costs more than it seems: one that is due before the others of its processor has the scheduler
// wake a thread to wait for it, in a service with little to do at every call. Calls that begin at about the same time
// share a few here.
package deadline

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// parts is into how many a timeout is divided; calls that begin within one of them end together.
const parts = 32

// shards is among how many timers calls choose, so that processors seldom meet at the lock of one: with a single one,
// two processors that load sessions from Postgres spent a twentieth of their time in the client on that.
const shards = 8

// Clock gives calls the same timeout. Make it with New. All methods are safe for concurrent use.
type Clock struct {
	timeout time.Duration
	current [shards]atomic.Pointer[instant]
}

// instant is when calls end that have begun before until.
type instant struct {
	context.Context
	done   <-chan struct{} // Context's
	until  time.Time
	cancel context.CancelFunc // never called: the timer ends the context, and is all that it holds
}

// New returns a clock for a timeout, which is positive.
func New(timeout time.Duration) *Clock { return &Clock{timeout: timeout} }

// Bound returns a context that ends when ctx does, or else, with DeadlineExceeded, when the timeout is over. The CancelFunc
// is to be called when the call is over. If ctx never ends the call has no timer of its own, and its time may be a 32nd
// shorter.
func (c *Clock) Bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Done() != nil {
		return context.WithTimeout(ctx, c.timeout)
	}
	return &bounded{ctx, c.instant()}, func() {}
}

// Detached returns a context with the values of ctx that ends with DeadlineExceeded when the timeout is over, which may be
// a 32nd shorter, and neither with ctx nor with its deadline.
func (c *Clock) Detached(ctx context.Context) context.Context { return &bounded{ctx, c.instant()} }

// Default is Bound for a context without a deadline; another one is returned as it is.
func (c *Clock) Default(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return ctx, func() {}
	}
	return c.Bound(ctx)
}

// End is closed when a call that begins now is to end: a caller that only waits needs no context of its own. It is nil
// if the call ends with ctx, which has a deadline.
func (c *Clock) End(ctx context.Context) <-chan struct{} {
	if _, has := ctx.Deadline(); has {
		return nil
	}
	return c.instant().done
}

func (c *Clock) instant() *instant {
	now, current := time.Now(), &c.current[rand.Uint32N(shards)]
	if at := current.Load(); at != nil && now.Before(at.until) {
		return at
	}
	ctx, cancel := context.WithDeadline(context.Background(), now.Add(c.timeout))
	at := &instant{Context: ctx, done: ctx.Done(), until: now.Add(c.timeout / parts), cancel: cancel}
	current.Store(at)
	return at
}

// Fixed returns when a context of Detached ends, or one that Bound has made of a context that never does: nothing but the
// time ends either of them.
func Fixed(ctx context.Context) (end time.Time, fixed bool) {
	b, fixed := ctx.(*bounded)
	if fixed {
		end, _ = b.Deadline()
	}
	return end, fixed
}

// bounded has the values of a context, and ends at an instant.
type bounded struct {
	context.Context
	end *instant
}

func (c *bounded) Deadline() (time.Time, bool) { return c.end.Deadline() }
func (c *bounded) Done() <-chan struct{}       { return c.end.done }
func (c *bounded) Err() error                  { return c.end.Err() }

// Value also answers what package context looks up in the one that ends, so that contexts derived from this one hang on
// that and need no goroutine.
func (c *bounded) Value(key any) any {
	if v := c.end.Value(key); v != nil {
		return v
	}
	return c.Context.Value(key)
}
