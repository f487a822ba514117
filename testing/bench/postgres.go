package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/sqlstore/postgres"
)

// openPostgres makes a schema for each side in one database, with a pool of the same size for each.
func (o *options) openPostgres(ctx context.Context, log io.Writer) (sides []*side, done func(), err error) {
	if o.databaseURL == "" {
		return nil, nil, errors.New("needs -database-url")
	}
	mine, err := o.pg(ctx, "bench_sessions")
	if err != nil {
		return nil, nil, err
	}
	theirs, err := o.pg(ctx, "bench_scs")
	if err != nil {
		return nil, mine.Close, err
	}
	done = func() { mine.Close(); theirs.Close() }
	store, err := postgres.New(mine)
	if err != nil {
		return nil, done, err
	}
	fmt.Fprintf(log, "postgres: filling two tables with %d sessions of %d bytes\n", o.rows, o.bytes)
	if err := errors.Join(o.fillOurs(ctx, mine), o.fillSCS(ctx, theirs)); err != nil {
		return nil, done, err
	}
	scs := pgxstore.NewWithCleanupInterval(theirs, 0)
	return []*side{ours("sessions", store, o.bytes), scsSide(scs, o.bytes), bare(mine, o.bytes)}, done, nil
}

// pg opens a pool on a new schema.
func (o *options) pg(ctx context.Context, schema string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(o.databaseURL)
	if err != nil {
		return nil, errors.New("-database-url cannot be parsed")
	}
	config.MaxConns = int32(o.pool)
	config.ConnConfig.RuntimeParams["search_path"] = schema
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	_, err = pool.Exec(ctx, "drop schema if exists "+schema+" cascade")
	if err == nil {
		_, err = pool.Exec(ctx, "create schema "+schema)
	}
	return pool, err
}

func (o *options) fillOurs(ctx context.Context, pool *pgxpool.Pool) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	if err := migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres, Schema: "bench_sessions"}); err != nil {
		return err
	}
	return o.insert(ctx, db, `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
		select encode(substr(h, 1, 16), 'hex')::uuid, sha256(h), $2::jsonb, 1,
			date_trunc('milliseconds', now()), date_trunc('milliseconds', now()) + interval '1 hour'
		from (select sha256(int8send(i)) as h from generate_series(0, $1::bigint - 1) i) s`, string(must(jsonOf(o.bytes))))
}

func (o *options) fillSCS(ctx context.Context, pool *pgxpool.Pool) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	_, err := db.ExecContext(ctx, `create table sessions (token text primary key, data bytea not null, expiry timestamptz not null);
		create index sessions_expiry_idx on sessions (expiry)`)
	if err != nil {
		return err
	}
	return o.insert(ctx, db, `insert into sessions select lpad(i::text, 43, '0'), $2, now() + interval '1 day'
		from generate_series(0, $1::bigint - 1) i`, scsBlob(o.bytes))
}

func (o *options) insert(ctx context.Context, db *sql.DB, statement string, data any) error {
	if _, err := db.ExecContext(ctx, statement, o.rows, data); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "vacuum analyze sessions")
	return err
}

// bare sends this library's work as one plain statement each: what a service would write by hand.
func bare(pool *pgxpool.Pool, size int) *side {
	patch := fmt.Sprintf(`{%q: %q}`, entry, content(size)[entry])
	return &side{
		name: "bare",
		load: func(ctx context.Context, i int) error {
			ref := reference(i)
			var data []byte
			var version int64
			return pool.QueryRow(ctx, `select data, version from sessions where id = $1 and secret_hash = $2 and expires_at > now()`,
				[16]byte(ref.Key), ref.Hash[:]).Scan(&data, &version)
		},
		save: func(ctx context.Context, i int) error {
			ref := reference(i)
			var version int64
			return pool.QueryRow(ctx, `update sessions set data = data || $3, version = version + 1
				where id = $1 and secret_hash = $2 and expires_at > now() returning version`,
				[16]byte(ref.Key), ref.Hash[:], patch).Scan(&version)
		},
	}
}
