package batch

import "context"

// waiter is a caller who waits.
type waiter[Req, Res any] struct {
	ctx    context.Context
	req    Req
	result *Result[Res]
	done   chan struct{} // closed once result stands

	prev, next *waiter[Req, Res]
	queued     bool
}

// queue is a list of waiters, the first to come at its head.
type queue[Req, Res any] struct {
	head, tail *waiter[Req, Res]
	len        int
}

func (q *queue[Req, Res]) push(w *waiter[Req, Res]) {
	w.prev, w.queued = q.tail, true
	if q.tail == nil {
		q.head = w
	} else {
		q.tail.next = w
	}
	q.tail = w
	q.len++
}

// remove takes w out, unless a batch has taken it already.
func (q *queue[Req, Res]) remove(w *waiter[Req, Res]) {
	if !w.queued {
		return
	}
	if w.prev == nil {
		q.head = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.tail = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next, w.queued = nil, nil, false
	q.len--
}
