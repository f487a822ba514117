package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

const newestFirst = ` order by created_at desc, id desc`

// selection returns the condition of a selector. It names no column that the selector leaves open: where a parameter may
// be null, the database uses no index.
func selection(s store.Selector) (condition string, args []any) {
	conditions, args := []string{"id <> ?"}, []any{s.Except[:]}
	add := func(given bool, condition string, values ...any) {
		if given {
			conditions, args = append(conditions, condition), append(args, values...)
		}
	}
	add(!s.Key.IsZero(), "id = ?", s.Key[:])
	add(s.Owner != "", "owner = ?", s.Owner)
	add(s.Tag != "", "tag = ?", s.Tag)
	add(s.Realm != "", "realm = ?", s.Realm)
	// No text has a byte above 0xF4.
	add(s.OwnerPrefix != "", "owner >= ? and owner < ? || x'ff'", s.OwnerPrefix, s.OwnerPrefix)
	return strings.Join(conditions, " and "), args
}

// living returns the selected live rows without their data, newest first.
func (s *Store) living(
	ctx context.Context, q querier, selector store.Selector, p store.Policy,
) ([]store.Record, error) {
	all, err := s.selected(ctx, q, selector)
	live := all[:0]
	for _, r := range all {
		if r.Now.Before(r.End(p)) {
			live = append(live, r)
		}
	}
	return live, err
}

func (s *Store) selected(ctx context.Context, q querier, selector store.Selector) ([]store.Record, error) {
	if !selector.Valid() {
		return nil, ctx.Err()
	}
	condition, args := selection(selector)
	return s.find(ctx, q, s.sql.find+condition+newestFirst, args...)
}

// Find implements store.Finder. It reads the data of one row after the other, and none if there are no keys.
func (s *Store) Find(
	ctx context.Context, selector store.Selector, keys []string, p store.Policy,
) (found []store.Record, err error) {
	all, err := s.living(ctx, s.db, selector, p)
	if err != nil {
		return nil, explain("find", err)
	}
	for _, r := range all {
		r, err := s.shown(ctx, r, keys)
		switch {
		case errors.Is(err, store.ErrGone): // meanwhile
		case err != nil:
			return nil, explain("find", err)
		case selector.Matches(&r):
			found = append(found, r)
		}
	}
	return found, nil
}

// shown returns the row with the chosen entries and without its secrets.
func (s *Store) shown(ctx context.Context, r store.Record, keys []string) (store.Record, error) {
	r.Data = []byte("{}")
	if len(keys) > 0 {
		rows, err := s.find(ctx, s.db, s.sql.load, r.Key[:])
		if err != nil {
			return r, err
		}
		if len(rows) == 0 {
			return r, store.ErrGone
		}
		r = rows[0]
		obj, err := jsonobj.Scan(r.Data)
		if err != nil {
			return r, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		r.Data = obj.Only(keys).Append(nil)
	}
	r.Hash, r.Former = store.Hash{}, nil
	return r, nil
}

// Revoke implements store.Finder, in one transaction.
func (s *Store) Revoke(ctx context.Context, selector store.Selector) (ended []store.Handle, err error) {
	err = s.write(ctx, func(c *sql.Conn) error {
		rows, err := s.selected(ctx, c, selector)
		for _, r := range rows {
			if err := changeOne(ctx, c, s.sql.remove, r.Key[:]); err != nil {
				return err
			}
			ended = append(ended, r.Key)
		}
		return err
	})
	if err != nil {
		return nil, explain("revoke", err)
	}
	return ended, nil
}
