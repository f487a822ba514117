package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/alexedwards/scs/pgxstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/sqlstore/postgres"
)

// openPostgres makes a schema for each table in one database, with a pool of the same size for each.
func (o *options) openPostgres(ctx context.Context, log io.Writer) (sides []*side, done func(), err error) {
	if o.databaseURL == "" {
		return nil, nil, errors.New("needs -database-url")
	}
	var pools []*pgxpool.Pool
	done = func() {
		for _, pool := range pools {
			pool.Close()
		}
	}
	for _, t := range o.tables() {
		if t.rows == 0 || !slices.ContainsFunc(t.sides, o.measures) {
			continue
		}
		fmt.Fprintf(log, "postgres: filling a table with %d sessions of %d bytes\n", t.rows, o.bytes)
		pool, err := o.pg(ctx, t.schema)
		if err != nil {
			return nil, done, err
		}
		pools = append(pools, pool)
		made, err := t.open(ctx, pool, t)
		if err != nil {
			return nil, done, err
		}
		sides = append(sides, made...)
	}
	return sides, done, nil
}

// table is what one or two sides work on.
type table struct {
	schema string
	rows   int
	sides  []string
	open   func(context.Context, *pgxpool.Pool, table) ([]*side, error)
}

func (o *options) tables() []table {
	return []table{
		{o.schemas + "sessions", o.rows, []string{"sessions", "bare"}, o.openOurs},
		{o.schemas + "scs", o.rows, []string{"scs"}, o.openSCS},
		{o.schemas + "large", o.large, []string{"large", "bare large"}, o.openOurs},
	}
}

// openOurs is this library and bare statements on one table.
func (o *options) openOurs(ctx context.Context, pool *pgxpool.Pool, t table) ([]*side, error) {
	store, err := postgres.New(pool)
	if err != nil {
		return nil, err
	}
	mine, plain := ours(t.sides[0], store, t.rows, o.bytes), bare(t.sides[1], pool, o.bytes)
	mine.rows, plain.rows = t.rows, t.rows
	mine.server, plain.server = backendsRanFor(pool), backendsRanFor(pool)
	return []*side{mine, plain}, o.fillOurs(ctx, pool, t)
}

func (o *options) openSCS(ctx context.Context, pool *pgxpool.Pool, t table) ([]*side, error) {
	theirs := scsSide(pgxstore.NewWithCleanupInterval(pool, 0), o.bytes)
	theirs.server = backendsRanFor(pool)
	return []*side{theirs}, o.fillSCS(ctx, pool, t)
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

func (o *options) fillOurs(ctx context.Context, pool *pgxpool.Pool, t table) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	if err := migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres, Schema: t.schema}); err != nil {
		return err
	}
	return insert(ctx, db, `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
		select encode(substr(int8send($3::bigint + i), 3) || substr(h, 7, 10), 'hex')::uuid, sha256(h), $2::json, 1,
			date_trunc('milliseconds', now()), date_trunc('milliseconds', now()) + interval '1 hour'
		from (select i, sha256(int8send(i)) as h from generate_series(0, $1::bigint - 1) i) s`, t.rows,
		string(must(jsonOf(o.bytes))), begin)
}

func (o *options) fillSCS(ctx context.Context, pool *pgxpool.Pool, t table) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	_, err := db.ExecContext(ctx, `create table sessions (token text primary key, data bytea not null, expiry timestamptz not null);
		create index sessions_expiry_idx on sessions (expiry)`)
	if err != nil {
		return err
	}
	return insert(ctx, db, `insert into sessions select rtrim(translate(encode(sha256(int8send(i)), 'base64'), '+/', '-_'), '='),
		$2, now() + interval '1 day' from generate_series(0, $1::bigint - 1) i`, t.rows, scsBlob(o.bytes))
}

func insert(ctx context.Context, db *sql.DB, statement string, args ...any) error {
	if _, err := db.ExecContext(ctx, statement, args...); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "vacuum analyze sessions")
	return err
}

// bare sends this library's work as one plain statement each: what a service would write by hand.
func bare(name string, pool *pgxpool.Pool, size int) *side {
	patch := fmt.Sprintf(`{%q: %q}`, entry, content(size)[entry])
	return &side{
		name: name,
		load: func(ctx context.Context, i int) error {
			ref := reference(i)
			var data []byte
			var version int64
			return pool.QueryRow(ctx, `select data, version from sessions where id = $1 and secret_hash = $2 and expires_at > now()`,
				[16]byte(ref.Key), ref.Hash[:]).Scan(&data, &version)
		},
		miss: func(ctx context.Context, i int) error {
			ref := reference(i)
			var version int64
			err := pool.QueryRow(ctx, `select version from sessions where id = $1 and secret_hash = $2 and expires_at > now()`,
				[16]byte(ref.Key), ref.Hash[:]).Scan(&version)
			if !errors.Is(err, pgx.ErrNoRows) {
				return fmt.Errorf("a row that does not exist: %v", err)
			}
			return nil
		},
		save: func(ctx context.Context, i int) error {
			ref := reference(i)
			var version int64
			return pool.QueryRow(ctx, `update sessions set data = (data::jsonb || $3::jsonb)::json, version = version + 1
				where id = $1 and secret_hash = $2 and expires_at > now() returning version`,
				[16]byte(ref.Key), ref.Hash[:], patch).Scan(&version)
		},
	}
}
