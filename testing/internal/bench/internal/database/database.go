// Package database opens the store that a URL names, with its table made anew: for benchmarks.
package database

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // for migrate.Open

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// Fresh drops the sessions that a database has, and migrates it.
func Fresh(ctx context.Context, url string) error {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		for _, suffix := range []string{"", "-wal", "-shm"} {
			if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	} else if err := drop(ctx, url); err != nil {
		return err
	}
	m, err := migrate.Open(ctx, url, migrate.Options{})
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return errors.Join(err, m.Close())
}

func drop(ctx context.Context, url string) error {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		return errors.New("the database URL cannot be used")
	}
	defer pool.Close()
	_, err = pool.Exec(ctx, "drop table if exists sessions, sessions_migrations")
	return err
}

// Open returns a store of its own on the database, with connections of its own.
func Open(ctx context.Context, url string) (store.Store, func(), error) {
	switch {
	case url == "memory":
		return memstore.New(), func() {}, nil
	case strings.HasPrefix(url, "sqlite:"):
		store, err := sqlite.Open(ctx, url)
		if err != nil {
			return nil, nil, err
		}
		return store, func() { _ = store.Close() }, nil
	case strings.HasPrefix(url, "postgres"):
		store, err := postgres.Open(ctx, url)
		if err != nil {
			return nil, nil, err
		}
		return store, func() { _ = store.Close() }, nil
	}
	return nil, nil, fmt.Errorf("no database %q: memory, sqlite:path or postgres://…", url)
}
