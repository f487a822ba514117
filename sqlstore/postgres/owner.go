package postgres

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
)

// ListOwner implements session.OwnerStore.
func (s *Store) ListOwner(ctx context.Context, owner string, keys []string, p session.Policy) (
	[]session.Record, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	args := []any{owner, absoluteMillis(p)}
	for _, key := range keys {
		args = append(args, key)
	}
	st := s.statement(s.sql.listOwner(len(keys)), args...)
	var found []session.Record
	err := s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		found, err = readListed(ctx, conn, st, keys)
		return err
	})
	return found, failed("listing an owner's sessions", err)
}

// listOwner has a column for each of n entries, so that the rest of the data stays where it is.
func (t *texts) listOwner(n int) string {
	var entries strings.Builder
	for i := range n {
		entries.WriteString(`, s.data -> $` + strconv.Itoa(i+3) + `::text`)
	}
	return strings.Replace(t.owned, ` from `, `, jsonb_typeof(s.data) = 'object'`+entries.String()+` from `, 1)
}

func ownedText(table string) string {
	return `select ` + columns + ` from ` + table + ` s where s.owner = $1 and ` + alive(`$2::bigint`) +
		` order by s.created_at desc, s.id desc`
}

func readListed(ctx context.Context, q querier, st statement, keys []string) (found []session.Record, err error) {
	_, err = query(ctx, q, st, func(v [][]byte) error {
		r, err := readRecord(v)
		switch {
		case err != nil:
			return err
		case len(v) != columnCount+1+len(keys):
			return localErrorf("a listed row of unexpected form")
		case !isTrue(v[columnCount]):
			return session.ErrCorrupt
		}
		r.Hash = session.Hash{}
		r.Data = entriesObject(keys, v[columnCount+1:])
		found = append(found, r)
		return nil
	})
	return found, err
}

// entriesObject is a JSON object of the entries that are there.
func entriesObject(keys []string, values [][]byte) []byte {
	text := []byte{'{'}
	for i, key := range keys {
		value := readData(values[i])
		if value == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(appendQuoted(text, key), ':'), value...)
	}
	return append(text, '}')
}

// Revoke implements session.OwnerStore.
func (s *Store) Revoke(ctx context.Context, which session.Which) ([]session.Handle, error) {
	if which.Owner == "" && which.Key.IsZero() {
		return nil, localErrorf("postgres: revoking sessions: neither owner nor handle is given")
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	at, err := s.at(ctx)
	if err != nil {
		return nil, err
	}
	var ended ending
	err = s.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		return inTx(ctx, conn, func(tx pgx.Tx) error {
			ended.keys, ended.live = nil, nil
			_, err := query(ctx, tx, s.revokeStatement(at, which), ended.read)
			if err != nil || len(ended.live) == 0 {
				return err
			}
			return s.notify(ctx, tx, at, s.payloads(ended.live)...)
		})
	})
	if err != nil {
		return nil, failed("revoking sessions", err)
	}
	s.announceRevoked(ended.live)
	return ended.keys, nil
}

func (s *Store) revokeStatement(at *site, which session.Which) statement {
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
	return s.statement(`delete from `+s.sql.table+` s where `+found+endingColumns, args...)
}

// endingColumns are what a delete returns, as ending.read reads them.
const endingColumns = ` returning s.id, s.expires_at > now()`

// ending are sessions that a statement has deleted.
type ending struct {
	keys []session.Handle
	live []session.Handle // those among keys that were sessions still
}

func (e *ending) read(v [][]byte) error {
	if len(v) != 2 || len(v[0]) != len(session.Handle{}) {
		return localErrorf("a deleted row of unexpected form")
	}
	key := session.Handle(v[0])
	e.keys = append(e.keys, key)
	if isTrue(v[1]) {
		e.live = append(e.live, key)
	}
	return nil
}

func (s *Store) payloads(revoked []session.Handle) []string {
	texts := make([]string, len(revoked))
	for i, key := range revoked {
		texts[i] = s.payload(session.Event{Kind: session.Revoked, Key: key})
	}
	return texts
}
