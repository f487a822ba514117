package sqlite

import (
	"context"
	"sync"

	"github.com/simples-go/sessions/internal/broadcast"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Store keeps sessions in a SQLite file. All methods are safe for concurrent use. Make it with Open.
type Store struct {
	at      location
	config  *config
	readers *readers
	writer  *writer
	group   *batch.Group[*write, *write, outcome]
	ended   broadcast.Broadcast[session.Event]
	poll    poller

	closing sync.Once
	closed  error
}

var (
	_ session.Store      = (*Store)(nil)
	_ session.Locker     = (*Store)(nil)
	_ session.Inspector  = (*Store)(nil)
	_ session.Toucher    = (*Store)(nil)
	_ session.Watcher    = (*Store)(nil)
	_ session.OwnerStore = (*Store)(nil)
	_ session.Collector  = (*Store)(nil)
)

// find reads the row of a key, with its data where id is selectRow. ErrGone where there is none.
func (c *conn) find(id statement, key session.Handle, r *session.Record) error {
	row, err := c.first(id, key[:])
	switch {
	case err != nil:
		return err
	case row == nil:
		return session.ErrGone
	}
	r.Key = key
	return unpack(row[0], r)
}

// live reads the live row that ref names, with its data.
func (c *conn) live(ref session.Ref, r *session.Record) error {
	if err := c.find(selectRow, ref.Key, r); err != nil {
		return err
	}
	if err := r.Open(ref, r.Now); err != nil {
		return err
	}
	return checkObject(r.Data)
}

// Load implements session.Store with one SELECT. A row whose data has the shape of an object is taken for one.
func (s *Store) Load(ctx context.Context, ref session.Ref) (session.Record, error) {
	var r session.Record
	err := s.readers.do(ctx, func(c *conn) error { return c.live(ref, &r) })
	if err != nil {
		return session.Record{}, explain("load", err)
	}
	return r, nil
}
