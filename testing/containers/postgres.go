package containers

import (
	"cmp"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers/internal/engine"
)

// Database is what Postgres gives a test. All of it ends with the test.
type Database struct {
	URL   string          // of this database, with a superuser's name and password
	Pool  *pgxpool.Pool   // of at most 16 connections
	Store *postgres.Store // on Pool
}

// Postgres returns a migrated database for one test or benchmark, in a container that all tests of the process share. The
// container is set up for speed, not for durability.
func Postgres(tb testing.TB, opts ...Option) *Database {
	tb.Helper()
	engine.Require(tb)
	c := newConfig(opts)
	s, release := servers.use(c.image)
	tb.Cleanup(func() { check(tb, release(), "ending the container") })
	if s.err != nil {
		engine.NoContainer(tb, s.err)
	}
	return open(tb, s, c)
}

func open(tb testing.TB, s *server, c config) *Database {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	name, err := s.create(ctx, c)
	check(tb, err, "making a database")
	tb.Cleanup(func() { check(tb, s.drop(context.Background(), name), "dropping a database") })
	db := &Database{URL: s.urlOf(name)}
	db.Pool, err = newPool(ctx, db.URL)
	check(tb, err, "opening a pool")
	tb.Cleanup(func() { check(tb, closePool(db.Pool), "closing the pool") })
	db.Store, err = newStore(db.Pool, c)
	check(tb, err, "opening a store")
	return db
}

func newPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 16
	return pgxpool.NewWithConfig(ctx, config)
}

func newStore(pool *pgxpool.Pool, c config) (*postgres.Store, error) {
	opts := []postgres.Option{postgres.WithTable(cmp.Or(c.table, migrations.DefaultTable)), postgres.WithSchema(c.schema)}
	return postgres.New(pool, append(opts, c.store...)...)
}

// closePool waits a while only, since a test that keeps a connection would otherwise hang without a word.
func closePool(pool *pgxpool.Pool) error {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		pool.Close()
	}()
	select {
	case <-closed:
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("the test has kept a connection")
	}
}

func check(tb testing.TB, err error, what string) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("containers: %s: %v", what, err)
	}
}
