// Package keylock has locks by key, for callers of one process.
package keylock

import (
	"context"
	"sync"
)

// Locks has a lock for each key. The zero value works.
type Locks[K comparable] struct {
	mu   sync.Mutex
	held map[K]chan struct{} // closed at the end
}

// Lock waits until nobody has the key's lock, and takes it.
func (l *Locks[K]) Lock(ctx context.Context, key K) (unlock func(), err error) {
	for {
		held := l.take(key)
		if held == nil {
			return func() { l.release(key) }, nil
		}
		if err := ended(ctx, held); err != nil {
			return nil, err
		}
	}
}

// Wait waits for whoever has the key's lock at the time of the call, and not for those who take it later.
func (l *Locks[K]) Wait(ctx context.Context, key K) error {
	l.mu.Lock()
	held := l.held[key]
	l.mu.Unlock()
	if held == nil {
		return nil
	}
	return ended(ctx, held)
}

func ended(ctx context.Context, held <-chan struct{}) error {
	select {
	case <-held:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// take takes the lock, or returns what is closed when its holder ends.
func (l *Locks[K]) take(key K) (held <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, ok := l.held[key]; ok {
		return held
	}
	if l.held == nil {
		l.held = map[K]chan struct{}{}
	}
	l.held[key] = make(chan struct{})
	return nil
}

func (l *Locks[K]) release(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.held[key])
	delete(l.held, key)
}
