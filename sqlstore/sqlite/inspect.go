package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/simples-go/sessions/session/store"
)

// Inspect implements store.Inspector. It looks up as many as 500 keys in one statement.
func (s *Store) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	found := make([]store.Record, 0, len(keys))
	for chunk := range slices.Chunk(keys, many) {
		var err error
		if found, err = s.inspect(ctx, chunk, found); err != nil {
			return nil, explain("inspect", err)
		}
	}
	return found, ctx.Err()
}

func (s *Store) inspect(ctx context.Context, keys []store.Handle, found []store.Record) ([]store.Record, error) {
	before := len(found)
	id, args := inspectArgs(keys)
	err := s.readers.do(ctx, func(c *conn) error {
		found = found[:before]
		return c.each(ctx, id, func(row []driver.Value) error {
			r := store.Record{Key: handle(row[1])}
			err := unpack(row[0], &r)
			found = append(found, r)
			return err
		}, args...)
	})
	return found, err
}

// inspectArgs fills the places of a statement; the last key stands in those that are left.
func inspectArgs(keys []store.Handle) (statement, []driver.Value) {
	id, places := selectMany, many
	if len(keys) <= few {
		id, places = selectFew, few
	}
	args := make([]driver.Value, places)
	for i := range args {
		args[i] = keys[min(i, len(keys)-1)][:]
	}
	return id, args
}
