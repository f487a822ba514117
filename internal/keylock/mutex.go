package keylock

import (
	"context"
	"sync"
)

// Mutex is a mutex that is waited for no longer than a context lasts, first come, first served. The zero value is
// unlocked.
type Mutex struct {
	mu      sync.Mutex
	locked  bool
	waiting line
}

// Lock locks the mutex. It returns ctx.Err() if ctx ends first.
func (m *Mutex) Lock(ctx context.Context) error {
	mine := m.enter()
	if mine == nil {
		return nil
	}
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		m.leave(mine)
		return ctx.Err()
	}
}

// enter locks the mutex, or returns what is closed when it is the caller's.
func (m *Mutex) enter() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.locked {
		return m.waiting.join()
	}
	m.locked = true
	return nil
}

// Unlock hands the mutex over to who has waited longest.
func (m *Mutex) Unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.locked = m.waiting.next()
}

// leave removes a waiting caller, or hands the mutex on if that came at the same moment.
func (m *Mutex) leave(mine <-chan struct{}) {
	m.mu.Lock()
	left := m.waiting.leave(mine)
	m.mu.Unlock()
	if !left {
		m.Unlock()
	}
}
