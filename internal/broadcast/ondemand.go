package broadcast

import (
	"context"
	"sync"
)

// OnDemand is a Broadcast whose events come from a function that runs while anybody listens. Set Run before it is used.
type OnDemand[T any] struct {
	Broadcast[T]
	Run func(context.Context) // returns when its context ends

	runMu   sync.Mutex // guards all below
	wanted  int        // calls of Listen under way
	stop    context.CancelFunc
	stopped chan struct{}
}

// Listen is Broadcast.Listen. The first listener starts Run. The last one ends it, and returns when Run has returned; a
// Listen that comes meanwhile waits for that, whatever its context.
func (o *OnDemand[T]) Listen(ctx context.Context, missed T, fn func(T)) error {
	o.join()
	defer o.leave()
	return o.Broadcast.Listen(ctx, missed, fn)
}

func (o *OnDemand[T]) join() {
	o.runMu.Lock()
	defer o.runMu.Unlock()
	if o.wanted++; o.wanted > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	o.stop, o.stopped = stop, stopped
	go func() {
		defer close(stopped)
		o.Run(ctx)
	}()
}

func (o *OnDemand[T]) leave() {
	o.runMu.Lock()
	defer o.runMu.Unlock()
	if o.wanted--; o.wanted == 0 {
		o.stop()
		<-o.stopped
	}
}
