package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
)

func (o *options) open(ctx context.Context, name string, log io.Writer) ([]*side, func(), error) {
	switch name {
	case "memory":
		return o.openMemory()
	case "sqlite":
		return o.openSQLite(ctx, log)
	case "postgres":
		return o.openPostgres(ctx, log)
	}
	return nil, nil, fmt.Errorf("no such database; there are memory, sqlite and postgres")
}

func jsonOf(size int) ([]byte, error) { return json.Marshal(content(size)) }
