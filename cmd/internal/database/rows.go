package database

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/session/store"
)

// dialect is what commands say in SQL.
type dialect struct {
	table string
	now   string // in the unit of the columns
	less  string // with a placeholder, what is subtracted from it
	age   func(time.Duration) any
	mark  func(n int) string // of a parameter
	data  string             // the column as text
	key   func(store.Handle) any
}

// Expired counts the rows that have been expired for so long.
func (o *Opened) Expired(ctx context.Context, keep time.Duration) (n int64, err error) {
	sql := "select count(*) from " + o.text.table + " where expires_at <= " + o.text.now + o.text.less
	err = o.query(ctx, sql, []any{o.text.age(keep)}, &n)
	return n, Advised(err)
}

// Live counts the live sessions that a selector for all, or all of a realm, selects.
func (o *Opened) Live(ctx context.Context, selector store.Selector) (n int64, err error) {
	sql := "select count(*) from " + o.text.table + " where expires_at > " + o.text.now
	var args []any
	if selector.Realm != "" {
		args = append(args, selector.Realm)
		sql += " and realm = " + o.text.mark(len(args))
	}
	if !selector.Except.IsZero() {
		args = append(args, o.text.key(selector.Except))
		sql += " and id <> " + o.text.mark(len(args))
	}
	err = o.query(ctx, sql, args, &n)
	return n, Advised(err)
}

// Data returns all entries of a session as a JSON object; store.ErrGone if there is no such row.
func (o *Opened) Data(ctx context.Context, key store.Handle) (text string, err error) {
	query := "select " + o.text.data + " from " + o.text.table + " where id = " + o.text.mark(1)
	err = o.query(ctx, query, []any{o.text.key(key)}, &text)
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, sql.ErrNoRows) {
		return "", store.ErrGone
	}
	return text, Advised(err)
}
