package simulate

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing/synctest"
	"time"
)

// scheduler decides who goes on. All others wait for it, or for the clock.
type scheduler struct {
	rnd    *rand.Rand
	faults int // of 1000 steps of the store

	mu      sync.Mutex
	waiting []chan error
	stopped bool
	steps   int
}

// errMade is a failure of the store that says nothing.
var errMade = errors.New("a failure made by the simulation")

// pass waits until the scheduler lets the caller go on. Its error is what the scheduler has decided, or ctx's.
func (s *scheduler) pass(ctx context.Context) error {
	mine := make(chan error, 1)
	s.mu.Lock()
	if s.stopped {
		s.mu.Unlock()
		return nil
	}
	s.waiting = append(s.waiting, mine)
	s.mu.Unlock()
	select {
	case err := <-mine:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run lets one go on after the other until stop is called.
func (s *scheduler) run() {
	for {
		synctest.Wait()
		s.mu.Lock()
		stopped, n := s.stopped, len(s.waiting)
		s.mu.Unlock()
		switch {
		case stopped:
			return
		case n == 0 || s.rnd.IntN(25) == 0:
			time.Sleep(s.moment())
		default:
			s.step(s.rnd.IntN(n))
		}
	}
}

// moment is for how long nobody but the clock goes on: mostly a little, at times so long that calls run out of time.
func (s *scheduler) moment() time.Duration {
	if s.rnd.IntN(100) == 0 {
		return time.Duration(s.rnd.IntN(6000)) * time.Millisecond
	}
	return time.Duration(s.rnd.IntN(20)) * time.Millisecond
}

func (s *scheduler) step(which int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := len(s.waiting) - 1
	chosen := s.waiting[which]
	s.waiting[which] = s.waiting[last]
	s.waiting = s.waiting[:last]
	s.steps++
	var err error
	if s.rnd.IntN(1000) < s.faults {
		err = errMade
	}
	chosen <- err
}

// stop lets everybody go on for good.
func (s *scheduler) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	for _, w := range s.waiting {
		w <- nil
	}
	s.waiting = nil
}
