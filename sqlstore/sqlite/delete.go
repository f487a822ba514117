package sqlite

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	_, err := s.write(ctx, &write{what: "delete", apply: func(c *conn) (outcome, error) { return c.delete(ref) }})
	return err
}

func (c *conn) delete(ref store.Ref) (outcome, error) {
	var r store.Record
	switch err := c.find(selectMeta, ref.Key, &r); {
	case err == store.ErrGone:
		return outcome{}, nil
	case err != nil:
		return outcome{}, err
	case r.Hash != ref.Hash:
		if r.Open(ref, r.Now) == store.ErrRotated {
			return outcome{}, store.ErrRotated
		}
		return outcome{}, nil
	}
	return c.remove(&r, store.Destroyed)
}

// remove deletes a row, with an event if it was alive.
func (c *conn) remove(r *store.Record, kind store.EventKind) (out outcome, err error) {
	if r.Now.Before(r.ExpiresAt) {
		out.events = append(out.events, store.Event{Kind: kind, Key: r.Key})
	}
	out.ended = append(out.ended, r.Key)
	return out, c.change(deleteRow, r.Key[:])
}
