// Package broadcast sends events to listeners within one process, without ever holding up the sender.
package broadcast

import (
	"context"
	"sync"
)

// queue is how many events a listener may lag behind. A listener that lags further misses events, and learns that it
// does.
const queue = 1024

// Broadcast passes events of type T to its listeners. The zero value works.
type Broadcast[T any] struct {
	mu        sync.Mutex
	listeners map[*listener[T]]struct{}
}

type listener[T any] struct {
	events chan T
	missed chan struct{} // holds a mark once an event did not fit
}

// Send passes the events to all listeners and does not wait for them.
func (b *Broadcast[T]) Send(events ...T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for l := range b.listeners {
		for _, event := range events {
			l.send(event)
		}
	}
}

func (l *listener[T]) send(event T) {
	select {
	case l.events <- event:
	default:
		select {
		case l.missed <- struct{}{}:
		default:
		}
	}
}

// Listen calls fn with missed at once and whenever events were lost, and with each event, until ctx ends. It returns
// ctx.Err().
func (b *Broadcast[T]) Listen(ctx context.Context, missed T, fn func(T)) error {
	l := &listener[T]{events: make(chan T, queue), missed: make(chan struct{}, 1)}
	b.add(l)
	defer b.remove(l)
	fn(missed)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case event := <-l.events:
			fn(event)
		case <-l.missed:
			fn(missed)
		}
	}
}

func (b *Broadcast[T]) add(l *listener[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = map[*listener[T]]struct{}{}
	}
	b.listeners[l] = struct{}{}
}

func (b *Broadcast[T]) remove(l *listener[T]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners, l)
}
