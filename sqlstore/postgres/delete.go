package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return err
	}
	e := store.Event{Kind: store.Destroyed, Key: ref.Key}
	live, lost := false, false // lost: whether an earlier attempt may have succeeded
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		found, err := s.deleteOn(ctx, conn, at, ref, e, lost)
		live = live || found
		lost = lost || err != nil && untold(err)
		return err
	})
	if live && err == nil {
		s.announce(e)
	}
	return failed("deleting a session", err)
}

// deleteOn reports whether a live session was deleted, also by an earlier attempt whose answer was lost.
func (s *Store) deleteOn(ctx context.Context, q querier, at *site, ref store.Ref, e store.Event, lost bool) (
	live bool, err error) {
	st := s.statement(at.sql.destroy, uuid(ref.Key), ref.Hash[:])
	n, err := s.tellingQuery(ctx, q, at, st, e, func(v [][]byte) error {
		live = isTrue(v[1])
		return nil
	})
	if err != nil || n > 0 {
		return live, err
	}
	r, err := s.glance(ctx, q, ref)
	if err == store.ErrRotated || !errors.Is(err, store.ErrGone) {
		return false, err
	}
	return lost && r.Key.IsZero(), nil
}
