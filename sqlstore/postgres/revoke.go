package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// revokeChunk is how many rows Revoke deletes in a transaction if all are selected, or those of many owners. Their
// notifications are one value, of which Postgres takes less than 1 GB: some 20 million.
const revokeChunk = 10_000

// Revoke implements store.Finder. It ends the sessions of an owner or tag in one transaction. If all are selected, or
// those of many owners, others may write in between, and what was ended before an error is returned with it.
func (s *Store) Revoke(ctx context.Context, which store.Selector) (ended []store.Handle, err error) {
	if !which.Valid() || !selectable(which) {
		return nil, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.tableInfo(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := s.revocable(ctx, which)
	if err != nil || len(keys) == 0 {
		return nil, failed("revoking sessions", err)
	}
	for part := range slices.Chunk(keys, chunkOf(which, len(keys))) {
		deleted, err := s.revokePart(ctx, info, which, part)
		if err != nil {
			return ended, failed("revoking sessions", err)
		}
		s.announceRevoked(deleted.live)
		ended = append(ended, deleted.keys...)
	}
	return ended, nil
}

func chunkOf(which store.Selector, rows int) int {
	if which.Key.IsZero() && which.Owner == "" && which.Tag == "" {
		return revokeChunk
	}
	return rows
}

// revocable returns the keys of the sessions that are to be ended: of those that begin later, none is.
func (s *Store) revocable(ctx context.Context, which store.Selector) (keys []store.Handle, err error) {
	if !which.Key.IsZero() {
		return []store.Handle{which.Key}, nil
	}
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		keys, err = s.selected(ctx, conn, which, nil, ``)
		return err
	})
	return keys, err
}

// revokePart deletes the selected sessions among those that keys name, in one transaction.
func (s *Store) revokePart(ctx context.Context, info *tableInfo, which store.Selector, keys []store.Handle) (
	deleted deletedRows, err error) {
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		part, err := s.revoke(ctx, conn, info, which, keys)
		// What an attempt has deleted whose outcome was lost, the next one does not find.
		if err == nil || outcomeUnknown(err) {
			deleted.add(part)
		}
		return err
	})
	return deleted, err
}

func (s *Store) revoke(ctx context.Context, conn *pgxpool.Conn, info *tableInfo, which store.Selector,
	keys []store.Handle) (deleted deletedRows, err error) {
	err = inTx(ctx, conn, func(tx pgx.Tx) (err error) {
		deleted, err = s.revokeIn(ctx, tx, info, which, keys)
		return err
	})
	return deleted, err
}

// revokeIn deletes the selected sessions among those that keys name, and notifies of those that were alive. Several
// rows are locked in the order of their ids first, if the database can do that.
func (s *Store) revokeIn(ctx context.Context, tx pgx.Tx, info *tableInfo, which store.Selector, keys []store.Handle) (
	deleted deletedRows, err error) {
	lock := ` order by s.id for update`
	if info.distributed {
		lock = ``
	}
	found, err := s.selected(ctx, tx, which, keys, lock)
	if err == nil && len(found) < len(keys) {
		err = s.refuseKept(ctx, tx, which, without(keys, found))
	}
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
		if err := s.refuseKept(ctx, tx, which, found); err != nil {
			return deleted, err
		}
	}
	if len(deleted.live) == 0 {
		return deleted, nil
	}
	return deleted, s.notify(ctx, tx, info, s.payloads(deleted.live)...)
}

// refuseKept returns an error if there are selected rows among those that could not be locked or deleted. Row-level
// security without a policy for update hides rows from a statement that locks them, and from no other.
func (s *Store) refuseKept(ctx context.Context, tx pgx.Tx, which store.Selector, keys []store.Handle) error {
	kept, err := s.selected(ctx, tx, which, keys, ``)
	if err == nil && len(kept) > 0 {
		err = keptError(len(kept))
	}
	return err
}

func without(keys, some []store.Handle) []store.Handle {
	leave := make(map[store.Handle]bool, len(some))
	for _, key := range some {
		leave[key] = true
	}
	return slices.DeleteFunc(slices.Clone(keys), func(key store.Handle) bool { return leave[key] })
}

func keptError(rows int) error {
	return localErrorf("the database keeps %d rows: do its policies, rules and triggers let them be deleted, and "+
		"locked as for an update?", rows)
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
