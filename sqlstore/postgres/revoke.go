package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Revoke implements store.Finder.
func (s *Store) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	if !which.Valid() || !selectable(which) {
		return nil, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return nil, err
	}
	var ended ending
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		part, err := s.revoke(ctx, conn, at, which)
		// What an attempt has deleted whose outcome was lost, the next one does not find.
		if err == nil || outcomeUnknown(err) {
			ended.add(part)
		}
		return err
	})
	if err != nil {
		return nil, failed("revoking sessions", err)
	}
	s.announceRevoked(ended.live)
	return ended.keys, nil
}

func (s *Store) revoke(ctx context.Context, conn *pgxpool.Conn, at *site, which store.Selector) (
	ended ending, err error) {
	err = inTx(ctx, conn, func(tx pgx.Tx) (err error) {
		ended, err = s.revokeIn(ctx, tx, at, which, nil)
		return err
	})
	return ended, err
}

// revokeIn deletes the selected sessions, or those of them that keys name, and notifies of those that were alive.
func (s *Store) revokeIn(ctx context.Context, tx pgx.Tx, at *site, which store.Selector, keys []store.Handle) (
	ended ending, err error) {
	now, err := s.readClock(ctx, tx)
	if err != nil {
		return ended, err
	}
	_, err = query(ctx, tx, s.revokeStatement(at, which, keys), func(v [][]byte) error {
		if len(v) != 2 || len(v[0]) != len(store.Handle{}) {
			return localErrorf("a deleted row of unexpected form")
		}
		key := store.Handle(v[0])
		ended.keys = append(ended.keys, key)
		if now.Before(readTime(v[1])) {
			ended.live = append(ended.live, key)
		}
		return nil
	})
	if err != nil || len(ended.live) == 0 {
		return ended, err
	}
	return ended, s.notify(ctx, tx, at, s.payloads(ended.live)...)
}

func (s *Store) revokeStatement(at *site, which store.Selector, keys []store.Handle) statement {
	var c conditions
	if keys != nil {
		c.add(`s.id = any(` + c.arg(uuids(keys)) + `)`)
	}
	c.selector(which)
	found := c.text()
	// Several rows are locked in the order of their ids first, if the database can do that.
	if which.Key.IsZero() && !at.distributed {
		found = `s.id in (select s.id from ` + s.sql.table + ` s where ` + found + ` order by s.id for update)`
	}
	return s.statement(`delete from `+s.sql.table+` s where `+found+` returning s.id, s.expires_at`, c.args...)
}

// ending are sessions that a statement has deleted.
type ending struct {
	keys []store.Handle
	live []store.Handle // those among keys that were sessions still
}

// add takes in what another attempt has deleted. One may find again what the one before has not deleted after all.
func (e *ending) add(other ending) {
	e.keys, e.live = union(e.keys, other.keys), union(e.live, other.live)
}

func union(some, more []store.Handle) []store.Handle {
	if len(some) == 0 {
		return more
	}
	for _, key := range more {
		if !slices.Contains(some, key) {
			some = append(some, key)
		}
	}
	return some
}

func (s *Store) payloads(revoked []store.Handle) []string {
	texts := make([]string, len(revoked))
	for i, key := range revoked {
		texts[i] = s.payload(store.Event{Kind: store.Revoked, Key: key})
	}
	return texts
}
