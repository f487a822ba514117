package deadline

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// call ends with its caller's context or at an instant. There is one for each call of a service, and many of them are over
// before anybody asks for their end: only then does it wait for the two. It is no context of the standard library's within
// another, of which each costs as much, and one with a deadline has a timer of its own.
type call struct {
	context.Context // the caller's
	end             *instant
	prev, next      *call // in end.calls

	asked atomic.Bool // done stands
	done  chan struct{}

	mu    sync.Mutex
	err   error
	leave func() bool // ends the wait for the caller's context
	hooks *hook
}

// hook is what is to be called at the end.
type hook struct {
	f    func()
	next *hook
}

func (c *call) Deadline() (time.Time, bool) {
	at, _ := c.end.Deadline()
	if own, has := c.Context.Deadline(); has && own.Before(at) {
		at = own
	}
	return at, true
}

func (c *call) Done() <-chan struct{} {
	if c.asked.Load() {
		return c.done
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await()
	return c.done
}

// Err is DeadlineExceeded where the time was over first. context.Cause may then be that of the caller, who left later: it
// asks his context.
func (c *call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.asked.Load() {
		c.look()
	}
	return c.err
}

// AfterFunc is what package context asks for, so that what hangs on a call needs no goroutine.
func (c *call) AfterFunc(f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.await()
	if c.err != nil {
		go f()
		return func() bool { return false }
	}
	h := &hook{f, c.hooks}
	c.hooks = h
	return func() bool { return c.unhook(h) }
}

// unhook reports whether h was still to be called, which it is no longer.
func (c *call) unhook(h *hook) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for at := &c.hooks; *at != nil; at = &(*at).next {
		if *at == h {
			*at = h.next
			return true
		}
	}
	return false
}

// over ends the call as the one who has made it.
func (c *call) over() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(context.Canceled)
	if c.leave != nil {
		c.leave()
		c.end.remove(c)
	}
}

// expire ends the call because its time is over.
func (c *call) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finish(context.DeadlineExceeded)
}

// await has the call end by itself from now on. c.mu is held.
func (c *call) await() {
	if c.asked.Load() {
		return
	}
	c.done = make(chan struct{})
	c.asked.Store(true)
	if c.look(); c.err != nil {
		close(c.done)
		return
	}
	c.leave = context.AfterFunc(c.Context, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.finish(c.Context.Err())
	})
	if !c.end.add(c) {
		c.finish(context.DeadlineExceeded)
	}
}

// look finds out whether a call that does not wait for its end has come to it. c.mu is held.
func (c *call) look() {
	if c.err == nil {
		c.err = cmp.Or(c.Context.Err(), c.end.Err())
	}
}

// finish ends the call, the first time. c.mu is held.
func (c *call) finish(err error) {
	if c.err != nil {
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	for h := c.hooks; h != nil; h = h.next {
		go h.f()
	}
	c.hooks = nil
}
