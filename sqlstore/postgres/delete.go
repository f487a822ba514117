package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
)

// Delete implements session.Store.
func (s *Store) Delete(ctx context.Context, ref session.Ref) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return err
	}
	e := session.Event{Kind: session.Destroyed, Key: ref.Key}
	live := false
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		live, err = s.deleteOn(ctx, conn, at, ref, e)
		return err
	})
	if live {
		s.announce(e)
	}
	return failed("deleting a session", err)
}

// deleteOn reports whether a live session was deleted.
func (s *Store) deleteOn(ctx context.Context, q querier, at *site, ref session.Ref, e session.Event) (
	live bool, err error) {
	st := s.statement(s.sql.destroy, uuid(ref.Key), ref.Hash[:])
	n, err := s.tellingQuery(ctx, q, at, st, e, func(v [][]byte) error {
		live = isTrue(v[0])
		return nil
	})
	if err != nil || n > 0 {
		return live, err
	}
	switch _, err = s.glance(ctx, q, ref); {
	case err == session.ErrRotated:
		return false, err
	case errors.Is(err, session.ErrGone):
		return false, nil
	}
	return false, err
}
