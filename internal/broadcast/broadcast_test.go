package broadcast

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

const missed = -1

// listen starts a listener that notes what it is told. Inside of a synctest bubble, it has heard all when synctest.Wait
// returns.
func listen(ctx context.Context, b *Broadcast[int], fn func(int)) (heard func() []int, done <-chan error) {
	var mu sync.Mutex
	var events []int
	end := make(chan error, 1)
	go func() {
		end <- b.Listen(ctx, missed, func(event int) {
			mu.Lock()
			events = append(events, event)
			mu.Unlock()
			if fn != nil {
				fn(event)
			}
		})
	}()
	return func() []int {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(events)
	}, end
}

func TestListenersHearAllInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Broadcast[int]
		b.Send(1) // nobody listens
		ctx, stop := context.WithCancel(t.Context())
		first, firstDone := listen(ctx, &b, nil)
		second, secondDone := listen(ctx, &b, nil)
		synctest.Wait()
		b.Send(2, 3)
		b.Send()
		b.Send(4)
		synctest.Wait()
		for _, heard := range []func() []int{first, second} {
			if want := []int{missed, 2, 3, 4}; !slices.Equal(heard(), want) {
				t.Errorf("heard %v, want %v", heard(), want)
			}
		}
		stop()
		for _, done := range []<-chan error{firstDone, secondDone} {
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("Listen returned %v", err)
			}
		}
		b.Send(5)
		if len(b.listeners) != 0 || slices.Contains(first(), 5) {
			t.Error("a listener has stayed after its end")
		}
	})
}

func TestSlowListenerIsToldThatItMissed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Broadcast[int]
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		held := make(chan struct{})
		slow, _ := listen(ctx, &b, func(int) { <-held })
		quick, _ := listen(ctx, &b, nil)
		synctest.Wait()
		for i := range 3 * queue {
			b.Send(i) // returns at once, or the bubble would deadlock
			if i%100 == 0 {
				synctest.Wait()
			}
		}
		close(held)
		synctest.Wait()
		if n := len(quick()); n != 3*queue+1 {
			t.Errorf("beside a slow listener a quick one has heard %d events, want %d", n, 3*queue+1)
		}
		heard := slow()
		if n := len(heard); n != queue+2 || slices.Index(heard[1:], missed) < 0 {
			t.Errorf("the slow listener has heard %d events, want %d with another %d among them", n, queue+2, missed)
		}
		b.Send(7)
		synctest.Wait()
		if heard = slow(); heard[len(heard)-1] != 7 {
			t.Error("the slow listener hears no more")
		}
	})
}

func TestParallelSendAndListen(t *testing.T) {
	var b Broadcast[int]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				ctx, stop := context.WithCancel(t.Context())
				if err := b.Listen(ctx, missed, func(int) { stop() }); !errors.Is(err, context.Canceled) {
					t.Errorf("Listen returned %v", err)
				}
			}
		})
		wg.Go(func() {
			for i := range 1000 {
				b.Send(i)
			}
		})
	}
	wg.Wait()
	if len(b.listeners) != 0 {
		t.Errorf("%d listeners are left", len(b.listeners))
	}
}
