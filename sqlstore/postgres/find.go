package postgres

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// Find implements store.Finder.
func (s *Store) Find(ctx context.Context, selector store.Selector, keys []string, p store.Policy) (
	[]store.Record, error) {
	if !selector.Valid() || !selectable(selector) {
		return nil, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	keys = slices.DeleteFunc(slices.Sorted(slices.Values(keys)), func(key string) bool { return !storable(key) })
	keys = slices.Compact(keys)
	st := s.findStatement(selector, keys, p)
	var found []store.Record
	err := s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) (err error) {
		found, err = readFound(ctx, conn, st, keys)
		return err
	})
	return found, failed("finding sessions", err)
}

// storable reports whether Postgres can hold a text. No session has an owner, a tag or a key that it cannot.
func storable(text string) bool { return utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 }

func selectable(s store.Selector) bool {
	return storable(s.Realm) && storable(s.Owner) && storable(s.Tag) && storable(s.OwnerPrefix)
}

// mostColumns is up to how many entries Find reads as a column each, so that the rest of the data is not sent. A row of
// a result has at most 1,664 columns.
const mostColumns = 100

// findStatement selects live sessions, newest first, with the entries that keys name.
func (s *Store) findStatement(selector store.Selector, keys []string, p store.Policy) statement {
	var b conditions
	b.selector(selector)
	b.add(alive(b.arg(limitMillis(p.Absolute))+`::bigint`, b.arg(limitMillis(p.IdleLimit))+`::bigint`))
	data, entries := `null::json`, ``
	switch {
	case len(keys) > mostColumns:
		data = `s.data`
	case len(keys) > 0:
		entries = `, json_typeof(s.data) = 'object'`
		for _, key := range keys {
			entries += `, s.data -> ` + b.arg(key) + `::text`
		}
	}
	sql := `select ` + record(`s.id`, `null::bytea`, data) + `, s.realm` + entries + ` from ` + s.sql.table + ` s where ` + b.text() +
		` order by s.created_at desc, s.id desc`
	return s.statement(sql, b.args...)
}

// conditions are those of a statement, with its arguments.
type conditions struct {
	all  []string
	args []any
	p    placeholders
}

func (c *conditions) arg(v any) string {
	c.args = append(c.args, v)
	return c.p.next()
}

func (c *conditions) add(condition string) { c.all = append(c.all, condition) }

func (c *conditions) text() string { return strings.Join(c.all, ` and `) }

// selector adds the selector's conditions.
func (c *conditions) selector(which store.Selector) {
	if !which.Key.IsZero() {
		c.add(`s.id = ` + c.arg(uuid(which.Key)))
	}
	for column, value := range map[string]string{`owner`: which.Owner, `tag`: which.Tag, `realm`: which.Realm} {
		if value != "" {
			c.add(`s.` + column + ` = ` + c.arg(value))
		}
	}
	if which.OwnerPrefix != "" {
		c.add(`starts_with(s.owner, ` + c.arg(which.OwnerPrefix) + `)`)
	}
	if !which.Except.IsZero() {
		c.add(`s.id <> ` + c.arg(uuid(which.Except)))
	}
	if len(c.all) == 0 {
		c.add(`true`)
	}
}

func readFound(ctx context.Context, q querier, st statement, keys []string) (found []store.Record, err error) {
	const realm, entries = columnCount + 3, columnCount + 4
	_, err = query(ctx, q, st, func(v [][]byte) error {
		r, err := readRecord(v)
		if err != nil {
			return err
		}
		if len(v) < entries {
			return localErrorf("a row of unexpected form: %d columns", len(v))
		}
		r.Realm, r.Former = string(v[realm]), nil
		switch {
		case len(v) > entries && !isTrue(v[entries]), len(keys) > mostColumns && !isObject(r.Data):
			return store.ErrCorrupt
		case len(v) > entries:
			r.Data = entriesObject(keys, v[entries+1:])
		case len(keys) > 0:
			r.Data, err = only(r.Data, keys)
		default:
			r.Data = []byte("{}")
		}
		found = append(found, r)
		return err
	})
	return found, err
}

// only is the object of those of data's entries that keys name.
func only(data []byte, keys []string) ([]byte, error) {
	all, err := jsonobj.Scan(data)
	if err != nil {
		return nil, localErrorf("a row that is no JSON: %v", err)
	}
	return all.Only(keys).Append(nil), nil
}

// entriesObject is a JSON object of the entries that are there.
func entriesObject(keys []string, values [][]byte) []byte {
	entries := make(map[string]json.RawMessage, len(keys))
	for i, key := range keys {
		if values[i] != nil {
			entries[key] = values[i]
		}
	}
	return []byte(objectText(entries))
}
