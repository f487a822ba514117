package postgres

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Find implements store.Finder.
func (s *Store) Find(ctx context.Context, selector store.Selector, keys []string, p store.Policy) (
	[]store.Record, error) {
	owner := selector.Owner
	if !storable(owner) {
		return nil, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	keys = slices.DeleteFunc(slices.Sorted(slices.Values(keys)), func(key string) bool { return !storable(key) })
	keys = slices.Compact(keys)
	st := s.listStatement(owner, keys, p)
	var found []store.Record
	err := s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		found, err = readListed(ctx, conn, st, keys)
		return err
	})
	return found, failed("listing an owner's sessions", err)
}

// storable reports whether Postgres can hold a text. No session has an owner or a key that it cannot.
func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

// mostColumns is up to how many entries have a column each in a list, so that the rest of the data stays where it is.
// A row of a result has at most 1,664.
const mostColumns = 100

func (s *Store) listStatement(owner string, keys []string, p store.Policy) statement {
	args := []any{owner, absoluteMillis(p)}
	if len(keys) > mostColumns {
		return s.statement(s.sql.list(`, s.data`), args...)
	}
	for _, key := range keys {
		args = append(args, key)
	}
	return s.statement(s.sql.listEntries(len(keys)), args...)
}

func (t *texts) listEntries(n int) string {
	var entries strings.Builder
	for i := range n {
		entries.WriteString(`, s.data -> $` + strconv.Itoa(i+3) + `::text`)
	}
	return t.list(entries.String())
}

func (t *texts) list(entries string) string {
	return strings.Replace(t.owned, ` from `, `, jsonb_typeof(s.data) = 'object'`+entries+` from `, 1)
}

func ownedText(table string) string {
	return `select ` + columns + ` from ` + table + ` s where s.owner = $1 and ` + alive(`$2::bigint`) +
		` order by s.created_at desc, s.id desc`
}

func readListed(ctx context.Context, q querier, st statement, keys []string) (found []store.Record, err error) {
	_, err = query(ctx, q, st, func(v [][]byte) error {
		r, err := readRecord(v)
		switch {
		case err != nil:
			return err
		case len(v) != columnCount+1+len(keys) && len(v) != columnCount+2:
			return localErrorf("a listed row of unexpected form")
		case !isTrue(v[columnCount]):
			return store.ErrCorrupt
		}
		r.Hash = store.Hash{}
		r.Data, err = readEntries(keys, v[columnCount+1:])
		found = append(found, r)
		return err
	})
	return found, err
}

// readEntries makes an object of the entries that keys name, from a column each or from that of all data.
func readEntries(keys []string, v [][]byte) ([]byte, error) {
	values := make([][]byte, len(keys))
	if len(v) == len(keys) {
		for i := range v {
			values[i] = readData(v[i])
		}
		return entriesObject(keys, values), nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(readData(v[0]), &all); err != nil {
		return nil, localErrorf("a listed row that is no JSON: %v", err)
	}
	for i, key := range keys {
		values[i] = all[key]
	}
	return entriesObject(keys, values), nil
}

// entriesObject is a JSON object of the entries that are there.
func entriesObject(keys []string, values [][]byte) []byte {
	text := []byte{'{'}
	for i, key := range keys {
		if values[i] == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(appendQuoted(text, key), ':'), values[i]...)
	}
	return append(text, '}')
}

// Revoke implements store.Finder.
func (s *Store) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	if which.Owner == "" && which.Key.IsZero() || !storable(which.Owner) {
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
		if err == nil || untold(err) {
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
	err = inTx(ctx, conn, func(tx pgx.Tx) error {
		_, err := query(ctx, tx, s.revokeStatement(at, which), ended.read)
		if err != nil || len(ended.live) == 0 {
			return err
		}
		return s.notify(ctx, tx, at, s.payloads(ended.live)...)
	})
	return ended, err
}

func (s *Store) revokeStatement(at *site, which store.Selector) statement {
	var p placeholders
	var where []string
	var args []any
	if !which.Key.IsZero() {
		where, args = append(where, `s.id = `+p.next()), append(args, uuid(which.Key))
	}
	if which.Owner != "" {
		where, args = append(where, `s.owner = `+p.next()), append(args, which.Owner)
	}
	if !which.Except.IsZero() {
		where, args = append(where, `s.id <> `+p.next()), append(args, uuid(which.Except))
	}
	found := strings.Join(where, ` and `)
	// Several rows are locked in the order of their ids first, where the database can do that.
	if which.Key.IsZero() && !at.distributed {
		found = `s.id in (select s.id from ` + s.sql.table + ` s where ` + found + ` order by s.id for update)`
	}
	return s.statement(at.sql.delete(found), args...)
}

// ending are sessions that a statement has deleted.
type ending struct {
	keys []store.Handle
	live []store.Handle // those among keys that were sessions still
}

func (e *ending) read(v [][]byte) error {
	if len(v) != 2 || len(v[0]) != len(store.Handle{}) {
		return localErrorf("a deleted row of unexpected form")
	}
	key := store.Handle(v[0])
	e.keys = append(e.keys, key)
	if isTrue(v[1]) {
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
