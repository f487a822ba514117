package keylock

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

func TestOneHolderAKey(t *testing.T) {
	var locks Locks[int]
	counts := make([]int, 3)
	var wg sync.WaitGroup
	for i := range 300 {
		wg.Go(func() {
			unlock, err := locks.Lock(t.Context(), i%3)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			counts[i%3]++
		})
	}
	wg.Wait()
	if counts[0] != 100 || counts[1] != 100 || counts[2] != 100 || len(locks.held) != 0 {
		t.Errorf("counted %v, %d locks are left", counts, len(locks.held))
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	var locks Locks[int]
	if err := locks.Wait(t.Context(), 1); err != nil {
		t.Errorf("a wait for nobody: %v", err)
	}
	unlock, err := locks.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := locks.Wait(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Wait: %v", err)
	}
	if _, err := locks.Lock(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("Lock: %v", err)
	}
	if err := locks.Wait(t.Context(), 2); err != nil {
		t.Errorf("another key: %v", err)
	}
	unlock()
	if err := locks.Wait(t.Context(), 1); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

// Who came first is served first, and those behind a caller who leaves move up.
func TestTheLockIsPassedOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var locks Locks[int]
		unlock, err := locks.Lock(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		leaving, leave := context.WithCancel(t.Context())
		var served []int
		for i := range 5 {
			ctx := t.Context()
			if i == 2 {
				ctx = leaving
			}
			go func() {
				unlock, err := locks.Lock(ctx, 1)
				if (err != nil) != (i == 2) {
					t.Errorf("caller %d: %v", i, err)
				}
				if err == nil {
					served = append(served, i)
					unlock()
				}
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		if len(served) > 0 || !locks.Held(1) {
			t.Errorf("beside the holder %v were served", served)
		}
		unlock()
		synctest.Wait()
		if want := []int{0, 1, 3, 4}; !slices.Equal(served, want) || locks.Held(1) {
			t.Errorf("served %v, want %v; the lock is held: %v", served, want, locks.Held(1))
		}
	})
}

// A caller who waits for the holder does not wait for the next one.
func TestAWaitIsForTheHolderAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var locks Locks[int]
		unlock, err := locks.Lock(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		waited, end := make(chan error, 1), make(chan struct{})
		go func() { waited <- locks.Wait(t.Context(), 1) }()
		go func() {
			next, err := locks.Lock(t.Context(), 1)
			if err != nil {
				t.Error(err)
				return
			}
			<-end
			next()
		}()
		synctest.Wait()
		if len(waited) > 0 {
			t.Error("the wait ended before the holder")
		}
		unlock()
		synctest.Wait()
		if len(waited) == 0 || !locks.Held(1) {
			t.Errorf("after the holder's end the wait is over: %v, and the next one has the lock: %v",
				len(waited) > 0, locks.Held(1))
		}
		close(end)
	})
}

// A caller that leaves at the moment at which the lock becomes its own gives it back.
func TestLeavingLosesNoLock(t *testing.T) {
	var locks Locks[int]
	unlock, err := locks.Lock(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	mine := locks.enter(1)
	unlock()
	<-mine
	locks.leave(1, mine)
	if locks.Held(1) || len(locks.held) != 0 {
		t.Errorf("%d locks are left", len(locks.held))
	}
}

// A mutex is passed on in order too, waits end with their contexts, and a caller that leaves at the moment at which it
// becomes its own gives it back.
func TestAMutexIsPassedOnInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu Mutex
		if err := mu.Lock(t.Context()); err != nil {
			t.Fatal(err)
		}
		leaving, leave := context.WithCancel(t.Context())
		var served []int
		for i := range 4 {
			ctx := t.Context()
			if i == 1 {
				ctx = leaving
			}
			go func() {
				err := mu.Lock(ctx)
				if errors.Is(err, context.Canceled) != (i == 1) {
					t.Errorf("caller %d: %v", i, err)
				}
				if err == nil {
					served = append(served, i)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		leave()
		synctest.Wait()
		if len(served) > 0 {
			t.Errorf("beside the holder %v were served", served)
		}
		mine := mu.enter()
		mu.Unlock()
		<-mine
		mu.leave(mine)
		if want := []int{0, 2, 3}; !slices.Equal(served, want) || mu.locked {
			t.Errorf("served %v, want %v; locked: %v", served, want, mu.locked)
		}
	})
}
