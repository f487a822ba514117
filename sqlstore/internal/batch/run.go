package batch

import (
	"context"
	"fmt"
)

// batch is what goes to the database at once: requests, and the callers who get their results.
type batch[Req, Res any] struct {
	reqs    []Req
	callers []*waiter[Req, Res] // one for each request; next leads to the others who share it
}

// take forms a batch from the head of the queue on. g.mu is held and the queue is not empty.
func (g *Group[K, Req, Res]) take() *batch[Req, Res] {
	size := min(g.queue.len, g.opts.Max)
	b := &batch[Req, Res]{reqs: make([]Req, 0, size), callers: make([]*waiter[Req, Res], 0, size)}
	places := make(map[K]int, size)
	scan := g.opts.Max * scanFactor
	for w := g.queue.head; w != nil && scan > 0; scan-- {
		next := w.next
		g.place(b, places, w)
		w = next
	}
	return b
}

// place moves w from the queue into the batch if it fits.
func (g *Group[K, Req, Res]) place(b *batch[Req, Res], places map[K]int, w *waiter[Req, Res]) {
	key := g.opts.Key(w.req)
	i, taken := places[key]
	switch {
	case taken && g.opts.Join != nil:
		joined, ok := g.opts.Join(b.reqs[i], w.req)
		if !ok {
			return
		}
		g.queue.remove(w)
		b.reqs[i] = joined
		b.callers[i], w.next = w, b.callers[i]
	case !taken && len(b.reqs) < g.opts.Max:
		g.queue.remove(w)
		places[key] = len(b.reqs)
		b.reqs = append(b.reqs, w.req)
		b.callers = append(b.callers, w)
	}
}

// run serves the batch and gives each of its callers a result, even if Many panics: it runs on no caller's goroutine,
// and an HTTP server that survives a panic of one handler must not die of the same one here.
func (g *Group[K, Req, Res]) run(b *batch[Req, Res]) {
	ctx, cancel := g.deadline.Bound(g.context(b))
	defer cancel()
	results, err := g.results(ctx, b)
	for i, w := range b.callers {
		result := &Result[Res]{Err: err}
		if err == nil {
			result = &results[i]
		}
		for w != nil {
			next := w.next
			w.result = result
			close(w.done)
			w = next
		}
	}
}

// context has the values of the caller's if there is one caller only.
func (g *Group[K, Req, Res]) context(b *batch[Req, Res]) context.Context {
	if b.single() {
		return context.WithoutCancel(b.callers[0].ctx)
	}
	return g.opts.Shared
}

func (g *Group[K, Req, Res]) results(ctx context.Context, b *batch[Req, Res]) (results []Result[Res], err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic while serving a batch of %d: %v", len(b.reqs), p)
		}
	}()
	if b.single() {
		value, err := g.opts.One(ctx, b.reqs[0])
		return []Result[Res]{{value, err}}, nil
	}
	results = g.opts.Many(ctx, b.reqs)
	if len(results) != len(b.reqs) {
		return nil, fmt.Errorf("batch of %d requests was given %d results", len(b.reqs), len(results))
	}
	return results, nil
}

// single reports whether the batch has one caller only.
func (b *batch[Req, Res]) single() bool { return len(b.reqs) == 1 && b.callers[0].next == nil }
