package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
)

func (o *options) open(ctx context.Context, name string, log io.Writer) (sides []*side, done func(), err error) {
	switch name {
	case "memory":
		sides, done, err = o.openMemory()
	case "sqlite":
		sides, done, err = o.openChildren(ctx, log, "sessions", "scs")
	case "postgres":
		sides, done, err = o.openPostgres(ctx, log)
	default:
		err = errors.New("no such database; there are memory, sqlite and postgres")
	}
	sides = slices.DeleteFunc(sides, func(s *side) bool { return !o.measures(s.name) })
	return sides, done, err
}

func (o *options) measures(side string) bool {
	return len(o.sides) == 0 || slices.Contains(o.sides, side)
}

func jsonOf(size int) ([]byte, error) { return json.Marshal(content(size)) }
