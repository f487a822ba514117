package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// letters begin a notification's payload: kind, handle, a colon and the node that sent it. An operator may leave the
// colon and what follows out.
var letters = [...]byte{
	store.Destroyed: 'd', store.Revoked: 'v', store.Rotated: 'r', store.Changed: 'c',
}

func (s *Store) payload(e store.Event) string {
	return string(letters[e.Kind]) + e.Key.String() + ":" + s.node
}

// readPayload returns the event and who sent it; false for what is none.
func readPayload(text string) (e store.Event, node string, ok bool) {
	text, node, _ = strings.Cut(text, ":")
	if text == "" {
		return e, node, false
	}
	for kind, letter := range letters {
		if letter == text[0] && letter != 0 {
			key, err := store.ParseHandle(text[1:])
			return store.Event{Kind: store.EventKind(kind), Key: key}, node, err == nil
		}
	}
	return e, node, false
}

// queryAndNotify runs a statement that changes one row and, if it did, sends the event to the other processes; both
// take effect together. The zero event is none.
func (s *Store) queryAndNotify(ctx context.Context, q querier, info *tableInfo, st statement, e store.Event,
	read func([][]byte) error) (n int, err error) {
	switch {
	case e.Key.IsZero():
		return query(ctx, q, st, read)
	case !info.distributed:
		return query(ctx, q, withNotify(st, info.channel, s.payload(e)), read)
	}
	return s.queryThenNotify(ctx, q, info, st, e, read)
}

// withNotify appends the notification to the statement, for each row that it returns.
func withNotify(st statement, channel, payload string) statement {
	n := len(st.args) - 2
	return statement{
		ownConn: st.ownConn,
		sql: `with w as (` + st.sql + `) select w.*, pg_notify($` + strconv.Itoa(n+1) + `, $` + strconv.Itoa(n+2) +
			`) from w`,
		args: append(st.args[:len(st.args):len(st.args)], channel, payload),
	}
}

// withChangedNotify appends the notification of a change to a statement that returns the rows' ids.
func withChangedNotify(sql, channel, node string, args []any) (string, []any) {
	p := placeholders{len(args)}
	notify := `pg_notify(` + p.next() + `, ` + p.next() + ` || w.id || ` + p.next() + `)`
	return `with w as (` + sql + `) select w.*, ` + notify + ` from w`,
		append(args[:len(args):len(args)], channel, string(letters[store.Changed]), ":"+node)
}

// queryThenNotify does it in a statement of its own: in one with a write, a distributed database would send the
// notification from a server if nobody listens.
func (s *Store) queryThenNotify(ctx context.Context, q querier, info *tableInfo, st statement, e store.Event,
	read func([][]byte) error) (n int, err error) {
	if conn, ok := q.(*pgxpool.Conn); ok {
		err = inTx(ctx, conn, func(tx pgx.Tx) error {
			n, err = s.queryThenNotify(ctx, tx, info, st, e, read)
			return err
		})
		return n, err
	}
	n, err = query(ctx, q, st, read)
	if err == nil && n > 0 {
		err = s.notify(ctx, q, info, s.payload(e))
	}
	return n, err
}

func (s *Store) notify(ctx context.Context, q querier, info *tableInfo, payloads ...string) error {
	st := s.statement(`select pg_notify($1, p) from unnest($2::text[]) p`, info.channel, payloads)
	_, err := query(ctx, q, st, func([][]byte) error { return nil })
	return err
}

func (s *Store) announceRevoked(keys []store.Handle) {
	for _, key := range keys {
		s.announce(store.Event{Kind: store.Revoked, Key: key})
	}
}

// announce sends events to the watchers in this process.
func (s *Store) announce(events ...store.Event) {
	for _, e := range events {
		if !e.Key.IsZero() {
			s.events.Send(e)
		}
	}
}
