package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // for the migrations

	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// openedStore is a store with how it is closed and called.
type openedStore struct {
	session.Store
	name  string
	close func() error
}

// openStore migrates the database of the URL and opens it.
func openStore(ctx context.Context, databaseURL string) (openedStore, error) {
	if err := migrateUp(ctx, databaseURL); err != nil {
		return openedStore{}, err
	}
	if path, ok := strings.CutPrefix(databaseURL, "sqlite:"); ok {
		store, err := sqlite.Open(ctx, databaseURL)
		if err != nil {
			return openedStore{}, err
		}
		return openedStore{store, "the SQLite file " + path, store.Close}, nil
	}
	// A demo has few writers, and its tabs on other nodes are to see each change at once.
	store, err := postgres.Open(ctx, databaseURL, postgres.WithChangeNotifications())
	if err != nil {
		return openedStore{}, err
	}
	closeStore := store.Close
	return openedStore{store, "Postgres", closeStore}, nil
}

func migrateUp(ctx context.Context, databaseURL string) error {
	m, err := migrate.Open(ctx, databaseURL, migrate.Options{})
	if err != nil {
		return fmt.Errorf("-database-url: %w", err)
	}
	_, err = m.Up(ctx)
	return errors.Join(err, m.Close())
}
