package postgres

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// Watch implements store.Watcher. All watchers of a store share one connection, which is not one of the pool's. If a
// session is ended in this process, the event is sent without that connection, at once.
func (s *Store) Watch(ctx context.Context, fn func(store.Event)) error {
	return s.events.Listen(ctx, store.Event{Kind: store.Missed}, fn)
}
