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
	info, err := s.tableInfo(ctx)
	if err != nil {
		return nil, err
	}
	var deleted deletedRows
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		part, err := s.revoke(ctx, conn, info, which)
		// What an attempt has deleted whose outcome was lost, the next one does not find.
		if err == nil || outcomeUnknown(err) {
			deleted.add(part)
		}
		return err
	})
	if err != nil {
		return nil, failed("revoking sessions", err)
	}
	s.announceRevoked(deleted.live)
	return deleted.keys, nil
}

func (s *Store) revoke(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, which store.Selector) (
	deleted deletedRows, err error) {
	err = inTx(ctx, conn, func(tx pgx.Tx) (err error) {
		deleted, err = s.revokeIn(ctx, tx, info, which, nil)
		return err
	})
	return deleted, err
}

// revokeIn deletes the selected sessions, or those of them that keys name, and notifies of those that were alive. Several
// rows are locked in the order of their ids first, if the database can do that.
func (s *Store) revokeIn(ctx context.Context, tx pgx.Tx, info *tableInfo, which store.Selector, keys []store.Handle) (
	deleted deletedRows, err error) {
	lock := ` order by s.id for update`
	if info.distributed {
		lock = ``
	}
	found, err := s.selected(ctx, tx, which, keys, lock)
	if err != nil || len(found) == 0 {
		return deleted, err
	}
	now, err := s.readClock(ctx, tx)
	if err != nil {
		return deleted, err
	}
	deleted.at = now
	if _, err := query(ctx, tx, s.revokeStatement(which, found), deleted.read); err != nil {
		return deleted, err
	}
	if len(deleted.keys) < len(found) {
		if kept, err := s.selected(ctx, tx, which, found, ``); err != nil || len(kept) > 0 {
			return deleted, cmp.Or(err, keptError(len(kept)))
		}
	}
	if len(deleted.live) == 0 {
		return deleted, nil
	}
	return deleted, s.notify(ctx, tx, info, s.payloads(deleted.live)...)
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

// deletedRows are sessions that a statement has deleted.
type deletedRows struct {
	keys []store.Handle
	live []store.Handle // those among keys that were sessions still
	at   time.Time      // by the database's clock
}

func (d *deletedRows) read(v [][]byte) error {
	if len(v) != 2 || len(v[0]) != len(store.Handle{}) {
		return localErrorf("a deleted row of unexpected form")
	}
	key := store.Handle(v[0])
	d.keys = append(d.keys, key)
	if d.at.Before(readTime(v[1])) {
		d.live = append(d.live, key)
	}
	return nil
}

// add takes in what another attempt has deleted. One may find again what the one before has not deleted after all.
func (d *deletedRows) add(other deletedRows) {
	d.keys, d.live = union(d.keys, other.keys), union(d.live, other.live)
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
