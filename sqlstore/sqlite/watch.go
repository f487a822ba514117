package sqlite

import (
	"context"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Watch implements store.Watcher. If a session is ended through this store, its event is sent at once. If others change
// the file, Missed is sent within the poll interval.
func (s *Store) Watch(ctx context.Context, fn func(store.Event)) error {
	return s.events.Listen(ctx, store.Event{Kind: store.Missed}, fn)
}

// pollFile looks for the work of other processes.
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
			s.events.Send(store.Event{Kind: store.Missed})
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
