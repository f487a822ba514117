package session

import (
	"context"
	"slices"
	"sync"
)

// ctxMutex is a mutex that is waited for no longer than a context lasts, first come, first served. The zero value is
// unlocked.
type ctxMutex struct {
	mu      sync.Mutex
	locked  bool
	waiting []chan struct{} // closed when the mutex is handed over
}

// lock locks the mutex. It returns ctx.Err() if ctx ends first.
func (m *ctxMutex) lock(ctx context.Context) error {
	m.mu.Lock()
	if !m.locked {
		m.locked = true
		m.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	m.waiting = append(m.waiting, mine)
	m.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
		m.leave(mine)
		return ctx.Err()
	}
}

// unlock hands the mutex over to who has waited longest.
func (m *ctxMutex) unlock() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		m.locked = false
		return
	}
	close(m.waiting[0])
	m.waiting = m.waiting[1:]
}

// leave removes a waiting caller, or hands the mutex on if that came at the same moment.
func (m *ctxMutex) leave(mine chan struct{}) {
	m.mu.Lock()
	i := slices.Index(m.waiting, mine)
	if i >= 0 {
		m.waiting = slices.Delete(m.waiting, i, i+1)
	}
	m.mu.Unlock()
	if i < 0 {
		m.unlock()
	}
}
