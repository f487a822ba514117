package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/broadcast"
	"github.com/simples-go/sessions/internal/keylock"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Store keeps sessions in a SQLite file. All methods are safe for concurrent use. Make it with Open.
type Store struct {
	at      location
	config  *config
	readers *readers
	writer  *writer
	group   *batch.Group[*write, *write, outcome]
	events  broadcast.OnDemand[store.Event]
	locks   keylock.Locks[store.Handle] // of sessions for which a SaveLocked is under way

	closing sync.Once
	closed  error
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Locker    = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Toucher   = (*Store)(nil)
	_ store.Watcher   = (*Store)(nil)
	_ store.Finder    = (*Store)(nil)
	_ store.Collector = (*Store)(nil)
	_ store.Clock     = (*Store)(nil)
)

// Now implements store.Clock with the clock of the host.
func (s *Store) Now(ctx context.Context) (time.Time, error) { return now(), ctx.Err() }

// find reads the row of a key, with its data if id is selectRow. It returns ErrGone if there is none.
func (c *conn) find(id statement, key store.Handle, r *store.Record) error {
	row, err := c.first(id, key[:])
	switch {
	case err != nil:
		return err
	case row == nil:
		return store.ErrGone
	}
	r.Key = key
	return unpack(row[0], r)
}

// live reads the live row that ref names, with its data.
func (c *conn) live(ref store.Ref, r *store.Record) error {
	if err := c.find(selectRow, ref.Key, r); err != nil {
		return err
	}
	if err := r.Open(ref, r.Now); err != nil {
		return err
	}
	return checkObject(r.Data)
}

// Load implements store.Store with one SELECT. Of the data it checks only the shape of an object.
func (s *Store) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	var r store.Record
	err := s.readers.do(ctx, func(c *conn) error { return c.live(ref, &r) })
	if err != nil {
		return store.Record{}, explain("load", err)
	}
	return r, nil
}
