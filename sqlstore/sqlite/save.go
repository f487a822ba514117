package sqlite

import (
	"context"

	"github.com/simples-go/sessions/internal/lockedsave"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/null"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	out, err := s.write(ctx, &write{what: "create", apply: func(c *conn) (outcome, error) {
		return c.create(ref, change)
	}})
	return out.saved, err
}

func (c *conn) create(ref store.Ref, change store.Change) (outcome, error) {
	var old store.Record
	switch err := c.find(selectMeta, ref.Key, &old); err {
	case store.ErrGone:
	case nil:
		return outcome{}, store.ErrExists
	default:
		return outcome{}, err
	}
	r, err := store.NewRecord(ref, change, now())
	if err != nil {
		return outcome{}, err
	}
	out, err := c.makeRoom(&store.Record{Realm: r.Realm}, &r, ref.Policy)
	if err != nil {
		return outcome{}, err
	}
	return out, c.change(insertRow, append(values(&r), r.Key[:], null.Text(r.Realm))...)
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	if err := s.locks.Wait(ctx, ref.Key); err != nil {
		return store.Saved{}, err
	}
	out, err := s.write(ctx, saving("save", ref, 0, change))
	return out.saved, err
}

// saving is a save, of what was read at a version if that is not 0.
func saving(what string, ref store.Ref, version int64, change store.Change) *write {
	return &write{what: what, apply: func(c *conn) (outcome, error) {
		var old store.Record
		if err := c.live(ref, &old); err != nil {
			return outcome{}, err
		}
		if version != 0 && version != old.Version {
			return outcome{}, lockedsave.ErrMoved
		}
		return c.save(old, ref.Policy, change)
	}}
}

// save merges the change into the row that was just read.
func (c *conn) save(old store.Record, p store.Policy, change store.Change) (outcome, error) {
	r := old
	if err := change.Apply(&r, p, old.Now); err != nil {
		return outcome{}, err
	}
	out, err := c.makeRoom(&old, &r, p)
	if err != nil {
		return outcome{}, err
	}
	if change.Rotate != nil {
		out.events = append(out.events, store.Event{Kind: store.Rotated, Key: r.Key})
	}
	return out, c.update(change, &r)
}

// update writes what the change may have changed. An expiry that stays where it is costs no index entry.
func (c *conn) update(change store.Change, r *store.Record) error {
	if !change.HasAttributes() && !change.Extend {
		return c.change(updateData, r.Version, r.Data, r.Key[:])
	}
	return c.change(updateRow, append(values(r), r.Key[:])...)
}
