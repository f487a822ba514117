package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

// open opens all sides. Those on SQLite, and all that are beside another build, have a process each.
func (o *options) open(ctx context.Context, name string, log io.Writer) (sides []*side, done func(), err error) {
	if name == "sqlite" || o.before != "" {
		return o.openChildren(ctx, name, log, append([]string{"sessions", "before", "scs"}, o.redisNames(log)...)...)
	}
	return o.openHere(ctx, name, log)
}

func (o *options) openHere(ctx context.Context, name string, log io.Writer) (sides []*side, done func(), err error) {
	switch name {
	case "memory":
		sides, done, err = o.openMemory()
	case "sqlite":
		sides, done, err = o.openSQLite(ctx, log)
	case "postgres":
		sides, done, err = o.openPostgres(ctx, log)
	default:
		err = errors.New("no such database; there are memory, sqlite and postgres")
	}
	if err == nil && name != "memory" {
		sides, done, err = o.withRedis(ctx, log, sides, done)
	}
	sides = slices.DeleteFunc(sides, func(s *side) bool { return !o.measures(s.name) })
	return sides, done, err
}

// withRedis adds the sides on Redis, which does the same beside any database.
func (o *options) withRedis(ctx context.Context, log io.Writer, sides []*side, done func()) ([]*side, func(), error) {
	more, end, err := o.openRedis(ctx, log)
	return append(sides, more...), func() { end(); done() }, err
}

func (o *options) measures(side string) bool {
	return len(o.sides) == 0 || slices.Contains(o.sides, side)
}

func jsonOf(size int) ([]byte, error) { return json.Marshal(content(size)) }
