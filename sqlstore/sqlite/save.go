package sqlite

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// Create implements session.Store.
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
	out, err := c.makeRoom("", &r, ref.Policy)
	if err != nil {
		return outcome{}, err
	}
	_, err = c.exec(insertRow, r.Key[:], r.Hash[:], nullTime(r.RotatedAt), r.Version, nullText(r.Owner),
		nullMilliseconds(r.Timeouts.Idle), nullMilliseconds(r.Timeouts.Absolute), r.CreatedAt.UnixMilli(),
		r.ExpiresAt.UnixMilli(), r.Data)
	return out, err
}

// Save implements session.Store.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	out, err := s.write(ctx, saving(ref, change))
	return out.saved, err
}

func saving(ref store.Ref, change store.Change) *write {
	return &write{what: "save", apply: func(c *conn) (outcome, error) {
		var old store.Record
		if err := c.live(ref, &old); err != nil {
			return outcome{}, err
		}
		return c.save(old, ref.Policy, change)
	}}
}

// SaveLocked implements store.Locker. fn runs while no one else writes to the file.
func (s *Store) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	out, err := s.alone(ctx, &write{apply: func(c *conn) (outcome, error) {
		var old store.Record
		if err := c.live(ref, &old); err != nil {
			return outcome{}, err
		}
		change, err := fn(old)
		if err != nil {
			return outcome{}, err
		}
		return c.save(old, ref.Policy, change)
	}})
	if err != nil {
		return store.Saved{}, explain("locked save", err)
	}
	return out.saved, nil
}

// save merges the change into the row that was just read.
func (c *conn) save(old store.Record, p store.Policy, change store.Change) (outcome, error) {
	r := old
	if err := change.Apply(&r, p, old.Now); err != nil {
		return outcome{}, err
	}
	out, err := c.makeRoom(old.Owner, &r, p)
	if err != nil {
		return outcome{}, err
	}
	if change.Rotate != nil {
		out.events = append(out.events, store.Event{Kind: store.Rotated, Key: r.Key})
	}
	return out, c.update(&old, &r)
}

// update writes what differs. An expiry that stays where it is costs no index entry.
func (c *conn) update(old, r *store.Record) (err error) {
	if onlyData(old, r) {
		_, err = c.exec(updateData, r.Version, r.Data, r.Key[:])
		return err
	}
	_, err = c.exec(updateRow, r.Hash[:], nullTime(r.RotatedAt), r.Version, nullText(r.Owner),
		nullMilliseconds(r.Timeouts.Idle), nullMilliseconds(r.Timeouts.Absolute), r.CreatedAt.UnixMilli(),
		r.ExpiresAt.UnixMilli(), r.Data, r.Key[:])
	return err
}

// onlyData reports whether nothing but data and version may differ.
func onlyData(a, b *store.Record) bool {
	return a.Hash == b.Hash && a.RotatedAt.Equal(b.RotatedAt) && a.Owner == b.Owner && a.Timeouts == b.Timeouts &&
		a.CreatedAt.Equal(b.CreatedAt) && a.ExpiresAt.Equal(b.ExpiresAt)
}
