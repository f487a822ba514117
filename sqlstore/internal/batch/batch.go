// Package batch joins requests that have to wait for a database into one statement, without ever making one wait.
//
// A caller that finds a free slot is served at once and alone, on its own goroutine. A caller that comes while all
// slots are taken queues. When a slot frees, the queue is served as one batch, unless enough batches are in flight
// already: then it waits for one of them, and the batches are larger. Callers that have just got their results may call
// again before the next batch is made, so that callers in step share one batch and do not fall into two halves that
// wait for each other. There are no timers: an idle group adds two uncontended locks to a call, no allocation, no
// goroutine and no delay, and the batches grow with the load by themselves.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/deadline"
)

// ErrFull is returned if as many callers as the queue holds are waiting already. A longer queue would only hide that
// the database is behind: a caller that joined it now would hardly be served before its deadline, so it fails at once.
var ErrFull = errors.New("too many callers are waiting for the database")

// The defaults of Options.
const (
	DefaultSlots   = 4
	DefaultMax     = 64
	DefaultQueue   = 1 << 16
	DefaultTimeout = 10 * time.Second
)

// scanFactor bounds how far behind the head a batch looks for requests that fit, in multiples of Options.Max.
const scanFactor = 4

// Result is the answer to one request of a batch.
type Result[Res any] struct {
	Value Res
	Err   error
}

// Options configures a Group. One, Many and Key are required.
type Options[K comparable, Req, Res any] struct {
	Slots   int           // how many calls of One and Many are in flight at a time
	Batches int           // how many of them are of Many, unless enough callers wait; half of the slots by default
	Enough  int           // how many waiting callers are worth one batch more; Max by default
	Max     int           // how many requests, after joining, a batch holds
	Queue   int           // how many callers wait at a time; the next one gets ErrFull
	Timeout time.Duration // the deadline of Many, which no caller's context bounds
	Bounded bool          // callers whose context has no deadline have this one too

	Shared context.Context // whose values those of Many have; context.Background by default

	// One serves a single caller: one that found a free slot, under its own context, or one that waited and is alone in
	// its batch, under the batch's context.
	One func(context.Context, Req) (Res, error)

	// Many serves a batch: one result for each request, in their order. Its context is none of the callers', so that a
	// caller that leaves cancels nothing for the others, and no caller's values are taken for those of all.
	Many func(context.Context, []Req) []Result[Res]

	// Left, if set, is called before a caller leaves whose request is being served: the request may still take effect
	// until done is closed.
	Left func(req Req, done <-chan struct{})

	// Key says what a request is about. A batch holds each key once.
	Key func(Req) K

	// Join, if set, makes one request of two that have the same key; both callers get its result. If it declines or is
	// nil, the second request stays in the queue for the next batch.
	Join func(first, second Req) (joined Req, ok bool)
}

// Group batches requests. All methods are safe for concurrent use.
type Group[K comparable, Req, Res any] struct {
	opts     Options[K, Req, Res]
	deadline *deadline.Clock

	mu      sync.Mutex
	free    int // slots
	batches int // in flight; if somebody waits, something is in flight that looks after them when it ends
	queue   queue[Req, Res]
}

// New returns a group. Zero fields of opts get their defaults.
func New[K comparable, Req, Res any](opts Options[K, Req, Res]) *Group[K, Req, Res] {
	orDefault(&opts.Slots, DefaultSlots)
	orDefault(&opts.Batches, max(1, opts.Slots/2))
	orDefault(&opts.Max, DefaultMax)
	orDefault(&opts.Enough, opts.Max)
	orDefault(&opts.Queue, DefaultQueue)
	if opts.Shared == nil {
		opts.Shared = context.Background()
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	return &Group[K, Req, Res]{opts: opts, deadline: deadline.New(opts.Timeout), free: opts.Slots}
}

func orDefault(n *int, def int) {
	if *n <= 0 {
		*n = def
	}
}

// Do has the request served and returns its result. A caller whose context ends returns at once with the context's
// error: while it is queued its request is withdrawn, while its batch is in flight the request may still take effect.
func (g *Group[K, Req, Res]) Do(ctx context.Context, req Req) (Res, error) {
	if err := ctx.Err(); err != nil {
		return *new(Res), err
	}
	w, err := g.enter(ctx, req)
	switch {
	case err != nil:
		return *new(Res), err
	case w == nil:
		defer g.release()
		return g.one(ctx, req)
	}
	return g.wait(ctx, w)
}

// one serves a caller alone, under its own context.
func (g *Group[K, Req, Res]) one(ctx context.Context, req Req) (Res, error) {
	if !g.opts.Bounded {
		return g.opts.One(ctx, req)
	}
	ctx, cancel := g.deadline.Default(ctx)
	defer cancel()
	return g.opts.One(ctx, req)
}

// enter takes a free slot, or else a place in the queue.
func (g *Group[K, Req, Res]) enter(ctx context.Context, req Req) (*waiter[Req, Res], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.alone() {
		g.free--
		return nil, nil
	}
	if g.queue.len == g.opts.Queue {
		return nil, fmt.Errorf("%w: %d", ErrFull, g.queue.len)
	}
	w := &waiter[Req, Res]{ctx: ctx, req: req, done: make(chan struct{})}
	g.queue.push(w)
	if g.free > 0 && g.enough() {
		g.free--
		g.start()
	}
	return w, nil
}

// alone reports whether a caller may go at once. While batches are in flight, the slots beyond theirs stay free: a call
// for one request costs the database about as much as one for many.
func (g *Group[K, Req, Res]) alone() bool {
	inFlight := g.opts.Slots - g.free
	most := g.opts.Slots
	if g.batches > 0 {
		most = g.opts.Batches
	}
	return g.queue.len == 0 && inFlight < most
}

func (g *Group[K, Req, Res]) wait(ctx context.Context, w *waiter[Req, Res]) (Res, error) {
	var end <-chan struct{}
	if g.opts.Bounded {
		end = g.deadline.End(ctx)
	}
	var err error
	select {
	case <-w.done:
		return w.result.Value, w.result.Err
	case <-ctx.Done():
		err = ctx.Err()
	case <-end:
		err = context.DeadlineExceeded
	}
	g.mu.Lock()
	inFlight := !w.queued
	g.queue.remove(w)
	g.mu.Unlock()
	if inFlight && g.opts.Left != nil {
		g.opts.Left(w.req, w.done)
	}
	return *new(Res), err
}

// release gives the slot of a caller who went alone to those who wait, or frees it. The work of others is not done on
// the goroutine of a caller that has its answer, nor on that of one who may lose patience.
func (g *Group[K, Req, Res]) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.due() {
		g.start()
		return
	}
	g.free++
}

// due reports whether a batch is to go, if there is a slot for it. Beyond Batches only one of Enough callers does: a
// smaller one grows while it waits, and costs the database less for each request.
func (g *Group[K, Req, Res]) due() bool {
	return g.queue.len > 0 && (g.batches < g.opts.Batches || g.enough())
}

func (g *Group[K, Req, Res]) enough() bool { return g.queue.len >= g.opts.Enough }

// start has a taken slot serve those who wait.
func (g *Group[K, Req, Res]) start() {
	g.batches++
	go g.serve()
}

// serve runs batches in the slot that it owns until none is due.
func (g *Group[K, Req, Res]) serve() {
	for {
		runtime.Gosched() // the turn of those who were answered just now
		b := g.next()
		if b == nil {
			return
		}
		g.run(b)
	}
}

// next takes the batch that follows the last one of a slot, or else frees the slot.
func (g *Group[K, Req, Res]) next() *batch[Req, Res] {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.batches--
	if !g.due() {
		g.free++
		return nil
	}
	g.batches++
	return g.take()
}
