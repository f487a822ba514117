package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Of each row one caller waits for the lock, and few of all.
func TestFewWaitForLocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newLockQueue(2)
		a, b, c := store.Handle{1}, store.Handle{2}, store.Handle{3}
		var mu sync.Mutex
		var entered []store.Handle
		leave := make(chan struct{})
		for _, key := range []store.Handle{a, a, b, c} {
			go func() {
				done, err := q.enter(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				entered = append(entered, key)
				mu.Unlock()
				<-leave
				done()
			}()
			synctest.Wait()
		}
		if want := []store.Handle{a, b}; !slices.Equal(entered, want) || !q.has(a) || !q.has(c) {
			t.Errorf("%v wait for locks, want %v", entered, want)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, key := range []store.Handle{a, {4}} {
			if _, err := q.enter(ctx, key); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v: %v", key, err)
			}
		}
		close(leave)
		synctest.Wait()
		if len(entered) != 4 || len(q.places) != 0 {
			t.Errorf("%v have waited, %d places are taken still", entered, len(q.places))
		}
		for _, key := range []store.Handle{a, b, c, {4}} {
			if q.has(key) {
				t.Errorf("somebody is left in the queue of %v", key)
			}
		}
	})
}

// A row is tried briefly, then in its turn for as long as there is time. While somebody waits for it, nobody tries.
func TestALockIsWaitedForInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{locks: newLockQueue(1)}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var tries []time.Duration
		err := s.withLock(ctx, store.Handle{1}, func(lock time.Duration) error {
			tries = append(tries, lock)
			return server(lockNotAvailable)
		})
		if want := []time.Duration{briefLock, time.Minute}; codeOf(err) != lockNotAvailable || !slices.Equal(tries, want) {
			t.Errorf("tried for %v, want %v: %v", tries, want, err)
		}
		tries = nil
		leave, err := s.locks.enter(ctx, store.Handle{1})
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			time.Sleep(time.Second)
			leave()
		}()
		err = s.withLock(ctx, store.Handle{1}, func(lock time.Duration) error {
			tries = append(tries, lock)
			return nil
		})
		if want := []time.Duration{59 * time.Second}; err != nil || !slices.Equal(tries, want) {
			t.Errorf("tried for %v, want %v: %v", tries, want, err)
		}
	})
}
