package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/null"
)

// Find implements store.Finder. It reads the data of one row after the other, and none if there are no keys.
func (s *Store) Find(
	ctx context.Context, selector store.Selector, keys []string, p store.Policy,
) (found []store.Record, err error) {
	err = s.readers.do(ctx, func(c *conn) (err error) {
		found, err = c.living(ctx, selector, p)
		return err
	})
	if err != nil {
		return nil, explain("find", err)
	}
	kept := found[:0]
	for _, r := range found {
		switch err := s.show(ctx, &r, keys); {
		case errors.Is(err, store.ErrGone): // meanwhile
		case err != nil:
			return nil, explain("find", err)
		case selector.Matches(&r):
			kept = append(kept, r)
		}
	}
	return kept, nil
}

// living returns the selected live rows without their data, newest first.
func (c *conn) living(ctx context.Context, selector store.Selector, p store.Policy) (found []store.Record, err error) {
	if !selector.Valid() {
		return nil, nil
	}
	err = c.each(ctx, findByKey+by(selector), func(row []driver.Value) error {
		r := store.Record{Key: handle(row[1]), Realm: text(row[2])}
		if err := unpack(row[0], &r); err != nil {
			return err
		}
		if r.Now.Before(r.End(p)) {
			found = append(found, r)
		}
		return nil
	}, selecting(selector)...)
	return found, err
}

// show puts the chosen entries into a row that was found, and takes its secrets away.
func (s *Store) show(ctx context.Context, r *store.Record, keys []string) error {
	r.Data = []byte("{}")
	if len(keys) > 0 {
		key, realm := r.Key, r.Realm
		err := s.readers.do(ctx, func(c *conn) error {
			*r = store.Record{Realm: realm}
			return c.find(selectRow, key, r)
		})
		if err != nil {
			return err
		}
		obj, err := jsonobj.Scan(r.Data)
		if err != nil {
			return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
		}
		r.Data = obj.Only(keys).Append(nil)
	}
	r.Hash, r.Former = store.Hash{}, nil
	return nil
}

// by is the column by which a selector's rows are found, as a position in selections.
func by(s store.Selector) statement {
	switch {
	case !s.Key.IsZero():
		return 0
	case s.Owner != "":
		return 1
	case s.Tag != "":
		return 2
	case s.OwnerPrefix != "":
		return 3
	}
	return 4
}

// selecting returns the parameters of selections.
func selecting(s store.Selector) []driver.Value {
	return []driver.Value{
		null.Key(s.Key), null.Text(s.Owner), null.Text(s.Tag), null.Text(s.Realm), s.Except[:], null.Text(s.OwnerPrefix),
	}
}

// revokeChunk is how many rows Revoke deletes in a transaction if all are selected, or those of many owners.
const revokeChunk = 500

// Revoke implements store.Finder. It ends the sessions of an owner or tag in one transaction. If all are selected, or
// those of many owners, others may write in between.
func (s *Store) Revoke(ctx context.Context, selector store.Selector) (ended []store.Handle, err error) {
	if !selector.Valid() {
		return nil, ctx.Err()
	}
	limit := -1 // none
	if by(selector) >= by(store.Selector{OwnerPrefix: "any"}) {
		limit = revokeChunk
	}
	for {
		out, err := s.write(ctx, &write{what: "revoke", apply: func(c *conn) (outcome, error) {
			return c.revoke(selector, limit)
		}})
		ended = append(ended, out.ended...)
		if err != nil || limit < 0 || len(out.ended) < limit {
			return ended, err
		}
	}
}

func (c *conn) revoke(selector store.Selector, limit int) (out outcome, err error) {
	err = c.each(context.Background(), deleteByKey+by(selector), func(row []driver.Value) error {
		key := handle(row[0])
		out.ended = append(out.ended, key)
		if now().Before(time.UnixMilli(integer(row[1]))) {
			out.events = append(out.events, store.Event{Kind: store.Revoked, Key: key})
		}
		return nil
	}, append(selecting(selector), int64(limit))...)
	if err != nil || len(out.ended) == limit {
		return out, err
	}
	// RETURNING leaves out what is kept.
	kept, err := c.first(findByKey+by(selector), selecting(selector)...)
	if err == nil && kept != nil {
		err = errKept
	}
	return out, err
}
