// Package keylock has locks for callers of one process, by key and single ones. They are waited for no longer than a context
// lasts.
package keylock

import (
	"context"
	"sync"
)

// Locks has a lock for each key, first come, first served. The zero value works.
type Locks[K comparable] struct {
	mu   sync.Mutex
	held map[K]*lock
}

// lock is one that somebody has.
type lock struct {
	ended   chan struct{} // closed when its holder ends
	waiting line
}

// Lock waits until all who came earlier have given the key's lock back, and takes it.
func (l *Locks[K]) Lock(ctx context.Context, key K) (unlock func(), err error) {
	if mine := l.enter(key); mine != nil {
		select {
		case <-mine:
		case <-ctx.Done():
			l.leave(key, mine)
			return nil, ctx.Err()
		}
	}
	return func() { l.release(key) }, nil
}

// Held reports whether somebody has the key's lock.
func (l *Locks[K]) Held(key K) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[key] != nil
}

// Wait waits for whoever has the key's lock at the time of the call, and not for those who take it later.
func (l *Locks[K]) Wait(ctx context.Context, key K) error {
	ended := l.endOf(key)
	if ended == nil {
		return nil
	}
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// endOf returns what is closed when the holder of the key's lock ends; nil if nobody has it.
func (l *Locks[K]) endOf(key K) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[key]; held != nil {
		return held.ended
	}
	return nil
}

// enter takes the lock, or returns what is closed when it is the caller's.
func (l *Locks[K]) enter(key K) (mine <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held := l.held[key]; held != nil {
		return held.waiting.join()
	}
	if l.held == nil {
		l.held = map[K]*lock{}
	}
	l.held[key] = &lock{ended: make(chan struct{})}
	return nil
}

// leave removes a caller from the line, or gives the lock back if the caller got it at the same moment.
func (l *Locks[K]) leave(key K, mine <-chan struct{}) {
	l.mu.Lock()
	left := l.held[key].waiting.leave(mine)
	l.mu.Unlock()
	if !left {
		l.release(key)
	}
}

// release passes the lock on.
func (l *Locks[K]) release(key K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := l.held[key]
	close(held.ended)
	if !held.waiting.next() {
		delete(l.held, key)
		return
	}
	held.ended = make(chan struct{})
}
