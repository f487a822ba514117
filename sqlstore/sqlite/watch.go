package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// poller looks for the work of other processes, while somebody watches.
type poller struct {
	mu       sync.Mutex
	watchers int
	stop     context.CancelFunc
	stopped  chan struct{}
}

// Watch implements store.Watcher. If a session is ended through this store, its event is sent at once. If others change
// the file, Missed is sent within the poll interval.
func (s *Store) Watch(ctx context.Context, fn func(store.Event)) error {
	s.poll.join(s.pollFile)
	defer s.poll.leave()
	return s.ended.Listen(ctx, store.Event{Kind: store.Missed}, fn)
}

// join starts the poll for the first watcher.
func (p *poller) join(poll func(context.Context)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watchers++; p.watchers > 1 {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	p.stop, p.stopped = stop, stopped
	go func() {
		defer close(stopped)
		poll(ctx)
	}()
}

// leave ends the poll with the last watcher, and waits for its end.
func (p *poller) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.watchers--; p.watchers == 0 {
		p.stop()
		<-p.stopped
	}
}

func (s *Store) pollFile(ctx context.Context) {
	tick := time.NewTicker(s.config.poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.movedByOthers(ctx) {
			s.ended.Send(store.Event{Kind: store.Missed})
		}
	}
}

// movedByOthers reports whether the file has changed, by the writing connection: its version of the file does not count
// its own commits, so that this store's do not wake its watchers. If the connection is not free for an interval, or
// fails, the file may have changed, and the result is true.
func (s *Store) movedByOthers(ctx context.Context) bool {
	wait, cancel := context.WithTimeout(ctx, s.config.poll)
	defer cancel()
	moved := true
	err := s.writer.do(wait, func(c *conn) error {
		version, err := c.number(dataVersion)
		moved = err != nil || version != c.version
		c.version = version
		return err
	})
	if err == errClosed {
		return false
	}
	return moved && ctx.Err() == nil
}
