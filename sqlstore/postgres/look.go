package postgres

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// glance takes a second look at a row that a statement did not find as it wanted it, without its data: ErrGone,
// ErrExpired or ErrRotated where ref opens no session.
func (s *Store) glance(ctx context.Context, q querier, ref store.Ref) (r store.Record, err error) {
	r, err = readOne(ctx, q, s.statement(s.sql.look, uuid(ref.Key)))
	if err != nil {
		return r, err
	}
	return r, r.Open(ref, r.Now)
}

// whyNotSaved says why the row refused a change; nil where nothing speaks against it any more.
func (s *Store) whyNotSaved(ctx context.Context, q querier, ref store.Ref, c *store.Change) error {
	r, err := readOne(ctx, q, s.statement(s.sql.load, uuid(ref.Key), ref.Hash[:]))
	if err != nil {
		return err
	}
	if err := r.Open(ref, r.Now); err != nil {
		return err
	}
	return c.Apply(&r, ref.Policy, r.Now)
}
