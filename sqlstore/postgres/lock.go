package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// SaveLocked implements store.Locker: the row is locked while fn runs, in a transaction of its own. An error of the
// database before fn's change was committed makes it run again, with the row as it is then.
func (s *Store) SaveLocked(ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error)) (
	store.Saved, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	ctx, over, err := s.settled(ctx, ref.Key)
	defer over()
	if err != nil {
		return store.Saved{}, failed("saving a locked session after a write of it that was given up", err)
	}
	at, err := s.at(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	var l locked
	err = s.write(ctx, []store.Handle{ref.Key}, func(ctx context.Context, conn *pgxpool.Conn) error {
		l = locked{}
		return inTx(ctx, conn, func(tx pgx.Tx) error { return s.saveLocked(ctx, tx, at, ref, fn, &l) })
	})
	switch {
	case l.refused != nil:
		return store.Saved{}, l.refused
	case err != nil:
		return store.Saved{}, failed("saving a locked session", err)
	}
	s.announceRevoked(l.saved.Ended)
	s.announce(l.event)
	return l.saved, nil
}

// locked is what became of one attempt.
type locked struct {
	refused error // of the caller's function, to be returned as it is
	saved   store.Saved
	event   store.Event
}

func (s *Store) saveLocked(ctx context.Context, tx pgx.Tx, at *site, ref store.Ref,
	fn func(store.Record) (store.Change, error), l *locked) error {
	r, err := readOne(ctx, tx, s.statement(s.sql.lock, uuid(ref.Key), ref.Hash[:]))
	if err != nil {
		return err
	}
	if err := opened(&r, ref); err != nil {
		return err
	}
	change, err := fn(r)
	if err != nil {
		l.refused = err
		return &localError{"refused"}
	}
	l.event = eventOf(ref, &change, s.opts.changes)
	if limited(ref, &change) {
		l.saved, err = s.limitIn(ctx, tx, at, s.savingOwner(at, ref, &change))
	} else {
		l.saved, err = s.saveOn(ctx, tx, at, ref, &change)
	}
	return err
}
