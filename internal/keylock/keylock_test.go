package keylock

import (
	"context"
	"errors"
	"sync"
	"testing"
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
