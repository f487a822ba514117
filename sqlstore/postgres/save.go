package postgres

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Save implements session.Store.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	ctx, over, err := s.settled(ctx, ref.Key)
	defer over()
	if err != nil {
		return store.Saved{}, failed("saving a session after a write of it that was given up", err)
	}
	at, err := s.at(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	var saved store.Saved
	if limited(ref, &change) {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		saved, err = s.withinLimit(ctx, at, s.savingOwner(at, ref, &change))
	} else {
		r := saveRequest{ref: ref, change: &change, n: 1}
		saved, err = grouped(ctx, s, at.batching && r.foldable(), s.saves, r, s.saveRequested)
	}
	if err != nil {
		return store.Saved{}, failed("saving a session", err)
	}
	s.announce(eventOf(ref, &change, s.opts.changes))
	return saved, nil
}

func (s *Store) savingOwner(at *site, ref store.Ref, c *store.Change) joining {
	return joining{
		ref: ref, owner: *c.Owner,
		write: func(ctx context.Context, q querier) (store.Saved, error) { return s.saveOn(ctx, q, at, ref, c) },
		look:  func(ctx context.Context, q querier) error { return s.whyNotSaved(ctx, q, ref, c) },
	}
}

// saveRequested serves a request that is one caller's alone.
func (s *Store) saveRequested(ctx context.Context, r saveRequest) (saved store.Saved, err error) {
	at, err := s.at(ctx)
	if err != nil {
		return saved, err
	}
	err = s.write(ctx, []store.Handle{r.ref.Key}, func(ctx context.Context, conn *pgxpool.Conn) error {
		saved, err = s.saveOn(ctx, conn, at, r.ref, r.change)
		return err
	})
	return saved, err
}

// looks is how often a row that refused a change, and a moment later had no reason to, is tried.
const looks = 3

// saveOn makes the change and sends the notification that belongs to it.
func (s *Store) saveOn(ctx context.Context, q querier, at *site, ref store.Ref, c *store.Change) (
	saved store.Saved, err error) {
	x := shapeOf(c, ref.Policy)
	st := s.statement(at.sql.save(x), saveArgs(x, ref, c)...)
	for range looks {
		n, err := s.tellingQuery(ctx, q, at, st, eventOf(ref, c, s.opts.changes), func(v [][]byte) error {
			saved = readSaved(v)
			return nil
		})
		if err != nil || n > 0 {
			return saved, err
		}
		if err := s.whyNotSaved(ctx, q, ref, c); err != nil {
			return saved, err
		}
	}
	return saved, localErrorf("the row of session %s changes faster than it can be looked at", ref.Key)
}

// eventOf is the event that a change makes; the zero one for none.
func eventOf(ref store.Ref, c *store.Change, changes bool) store.Event {
	switch {
	case c.Rotate != nil:
		return store.Event{Kind: store.Rotated, Key: ref.Key}
	case changes && c.HasData():
		return store.Event{Kind: store.Changed, Key: ref.Key}
	}
	return store.Event{}
}
