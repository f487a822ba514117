package postgres

import (
	"context"
	"sync"

	"github.com/simples-go/sessions/internal/broadcast"
	"github.com/simples-go/sessions/session/store"
)

// hub passes events on to those who watch, and listens to the database while anybody does.
type hub struct {
	broadcast.Broadcast[store.Event]
	listen func(context.Context)

	mu       sync.Mutex
	watchers int
	stop     context.CancelFunc
	stopped  chan struct{}
}

// Watch implements store.Watcher. All watchers of a store share one connection, which is not one of the pool's. If a
// session is ended in this process, the event is sent without that connection, at once.
func (s *Store) Watch(ctx context.Context, fn func(store.Event)) error {
	s.events.join()
	defer s.events.quit()
	return s.events.Listen(ctx, store.Event{Kind: store.Missed}, fn)
}

func (h *hub) join() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers++
	if h.watchers > 1 {
		return
	}
	ctx, cancel := context.WithCancel(ownContext)
	stopped := make(chan struct{})
	h.stop, h.stopped = cancel, stopped
	go func() {
		defer close(stopped)
		h.listen(ctx)
	}()
}

// quit waits for the connection to be closed if the last watcher leaves.
func (h *hub) quit() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watchers--
	if h.watchers == 0 {
		h.stop()
		<-h.stopped
	}
}
