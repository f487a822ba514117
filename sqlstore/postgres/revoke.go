package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

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

// revokeIn deletes the selected sessions, or those of them that keys name, and notifies of those that were alive. Several
// rows are locked in the order of their ids first, if the database can do that.
func (s *Store) revokeIn(ctx context.Context, tx pgx.Tx, at *site, which store.Selector, keys []store.Handle) (
	ended ending, err error) {
	lock := ` order by s.id for update`
	if at.distributed {
		lock = ``
	}
	found, err := s.selected(ctx, tx, which, keys, lock)
	if err != nil || len(found) == 0 {
		return ended, err
	}
	now, err := s.readClock(ctx, tx)
	if err != nil {
		return ended, err
	}
	ended.at = now
	if _, err := query(ctx, tx, s.revokeStatement(which, found), ended.read); err != nil {
		return ended, err
	}
	if len(ended.keys) < len(found) {
		if kept, err := s.selected(ctx, tx, which, found, ``); err != nil || len(kept) > 0 {
			return ended, cmp.Or(err, keptError(len(kept)))
		}
	}
	if len(ended.live) == 0 {
		return ended, nil
	}
	return ended, s.notify(ctx, tx, at, s.payloads(ended.live)...)
}

func keptError(rows int) error {
	return localErrorf("the database keeps %d rows: do its policies, rules and triggers let them be deleted?", rows)
}

// selected returns the keys of the selected rows, or of those of them that keys name.
func (s *Store) selected(ctx context.Context, q querier, which store.Selector, keys []store.Handle, lock string) (
	found []store.Handle, err error) {
	c := revocation(which, keys)
	st := s.statement(`select s.id from `+s.sql.table+` s where `+c.text()+lock, c.args...)
	_, err = query(ctx, q, st, func(v [][]byte) error {
		if len(v[0]) != len(store.Handle{}) {
			return localErrorf("a key of unexpected form")
		}
		found = append(found, store.Handle(v[0]))
		return nil
	})
	return found, err
}

func (s *Store) revokeStatement(which store.Selector, keys []store.Handle) statement {
	c := revocation(which, keys)
	return s.statement(`delete from `+s.sql.table+` s where `+c.text()+` returning s.id, s.expires_at`, c.args...)
}

func revocation(which store.Selector, keys []store.Handle) (c conditions) {
	if keys != nil {
		c.add(`s.id = any(` + c.arg(uuids(keys)) + `)`)
	}
	c.selector(which)
	return c
}

// ending are sessions that a statement has deleted.
type ending struct {
	keys []store.Handle
	live []store.Handle // those among keys that were sessions still
	at   time.Time      // by the database's clock
}

func (e *ending) read(v [][]byte) error {
	if len(v) != 2 || len(v[0]) != len(store.Handle{}) {
		return localErrorf("a deleted row of unexpected form")
	}
	key := store.Handle(v[0])
	e.keys = append(e.keys, key)
	if e.at.Before(readTime(v[1])) {
		e.live = append(e.live, key)
	}
	return nil
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
