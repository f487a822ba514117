package pgstore

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/storetest"
)

// Harness runs the contract's cases one after the other in one database, emptied for each. The stores are on pool; what a
// case does behind their back goes through direct, which leads around a pooler.
func Harness(pool, direct *pgxpool.Pool, opts ...postgres.Option) storetest.Harness {
	return storetest.Harness{
		Require: storetest.All(),
		New: func(t *testing.T) storetest.Fixture {
			exec(t, direct, "truncate sessions")
			return fixture(t, direct, New(t, pool, opts...))
		},
	}
}

// New returns a store on the pool.
func New(tb testing.TB, pool *pgxpool.Pool, opts ...postgres.Option) *postgres.Store {
	tb.Helper()
	s, err := postgres.New(pool, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

const (
	older = `update sessions set created_at = ((created_at at time zone 'utc') - $1::interval) at time zone 'utc',
		expires_at = ((expires_at at time zone 'utc') - $1::interval) at time zone 'utc',
		accessed_at = ((accessed_at at time zone 'utc') - $1::interval) at time zone 'utc',
		rotated_at = ((rotated_at at time zone 'utc') - $1::interval) at time zone 'utc',
		authenticated_at = ((authenticated_at at time zone 'utc') - $1::interval) at time zone 'utc'`
	corrupt = `update sessions set data = $2::text::json where id = $1`
	tie     = `update sessions set expires_at = (select min(expires_at) from sessions)`
)

func fixture(t *testing.T, direct *pgxpool.Pool, s *postgres.Store) storetest.Fixture {
	return storetest.Fixture{
		Store:   s,
		Advance: func(d time.Duration) { Advance(t, direct, d) },
		Corrupt: func(key store.Handle, data string) { exec(t, direct, corrupt, key.String(), data) },
		Tie:     func() { exec(t, direct, tie) },
	}
}

// Advance shifts the times of all sessions into the past.
func Advance(t *testing.T, pool *pgxpool.Pool, d time.Duration) {
	t.Helper()
	exec(t, pool, older, d)
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := pool.Exec(ctx, sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
