package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Create implements session.Store.
func (s *Store) Create(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return store.Saved{}, err
	}
	r, err := store.NewRecord(ref, change, time.Unix(0, 0)) // the database's clock decides, and replaces this one
	if err != nil {
		if s.taken(ctx, s.pool, ref) == store.ErrExists {
			err = store.ErrExists
		}
		return store.Saved{}, err
	}
	var saved store.Saved
	if limited(ref, &change) {
		saved, err = s.withinLimit(ctx, at, joining{
			ref: ref, owner: r.Owner,
			write: func(ctx context.Context, q querier) (store.Saved, error) { return s.insert(ctx, q, &r) },
			look:  func(ctx context.Context, q querier) error { return s.taken(ctx, q, ref) },
		})
	} else {
		saved, err = s.create(ctx, &r)
	}
	return saved, failed("creating a session", err)
}

// taken is ErrExists where there is a row of that key.
func (s *Store) taken(ctx context.Context, q querier, ref store.Ref) error {
	switch _, err := readOne(ctx, q, s.statement(s.sql.look, uuid(ref.Key))); err {
	case nil:
		return store.ErrExists
	case store.ErrGone:
		return nil
	default:
		return err
	}
}

func (s *Store) create(ctx context.Context, r *store.Record) (saved store.Saved, err error) {
	lost := false // whether an earlier attempt may have succeeded
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		saved, err = s.insert(ctx, conn, r)
		if err == store.ErrExists && lost {
			saved, err = s.made(ctx, conn, r)
		}
		lost = lost || err != nil && untold(err)
		return err
	})
	return saved, err
}

func (s *Store) insert(ctx context.Context, q querier, r *store.Record) (saved store.Saved, err error) {
	text := s.sql.insert
	if !r.RotatedAt.IsZero() {
		text = s.sql.insertRotated
	}
	st := s.statement(text, uuid(r.Key), r.Hash[:], string(r.Data), nullable(r.Owner),
		ownMillis(r.Timeouts.Idle), ownMillis(r.Timeouts.Absolute), r.ExpiresAt.Sub(r.CreatedAt).Milliseconds())
	n, err := query(ctx, q, st, func(v [][]byte) error {
		saved = readSaved(v)
		return nil
	})
	if err == nil && n == 0 {
		err = store.ErrExists
	}
	return saved, err
}

// made answers for a row that this call's own earlier attempt has made: nobody else knows its secret.
func (s *Store) made(ctx context.Context, q querier, r *store.Record) (store.Saved, error) {
	found, err := readOne(ctx, q, s.statement(s.sql.look, uuid(r.Key)))
	switch {
	case err != nil:
		return store.Saved{}, err
	case found.Hash != r.Hash:
		return store.Saved{}, store.ErrExists
	}
	return found.Saved(found.Now), nil
}
