package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// meter collects how long things took.
type meter struct {
	mu     sync.Mutex
	took   []time.Duration
	failed int
}

func (m *meter) add(d time.Duration, failed bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.took = append(m.took, d)
	if failed {
		m.failed++
	}
}

// take returns what has come together since the last time, the quickest first.
func (m *meter) take() (took []time.Duration, failed int) {
	m.mu.Lock()
	took, failed = m.took, m.failed
	m.took, m.failed = nil, 0
	m.mu.Unlock()
	slices.Sort(took)
	return took, failed
}

// sorted returns all that has come together, the quickest first.
func (m *meter) sorted() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.took))
}

// quantile returns the time that so many of a thousand did not exceed; 0 if there is none.
func quantile(sorted []time.Duration, of1000 int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[(len(sorted)-1)*of1000/1000]
}

// promises are those that were broken, the first of them in words.
type promises struct {
	mu    sync.Mutex
	count int
	first []string
}

func (p *promises) add(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count++; len(p.first) < 20 {
		p.first = append(p.first, fmt.Sprintf(format, args...))
	}
}

func (p *promises) n() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}
