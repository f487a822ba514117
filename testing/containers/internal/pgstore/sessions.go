package pgstore

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Policy is an ordinary one.
func Policy() store.Policy {
	return store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour},
		Grace:    30 * time.Second,
		MaxBytes: 1 << 20,
	}
}

// Ref names a session that does not exist yet.
func Ref() store.Ref {
	ref := store.Ref{Policy: Policy()}
	_, _ = rand.Read(ref.Key[:])
	_, _ = rand.Read(ref.Hash[:])
	return ref
}

// Set is the change of one entry, to a value of plain JSON.
func Set(key, value string) store.Change {
	return store.Change{Set: map[string]json.RawMessage{key: json.RawMessage(value)}}
}

// Created makes a session.
func Created(tb testing.TB, s store.Store, change store.Change) store.Ref {
	tb.Helper()
	ref := Ref()
	if _, err := s.Create(context.Background(), ref, change); err != nil {
		tb.Fatalf("creating a session: %v", err)
	}
	return ref
}

// numbered rows have keys and secrets that both sides can work out.
const numbered = `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
	select md5(n::text)::uuid, sha256(int8send(n)), jsonb_build_object('n', n, 'pad', repeat('x', 300)), 1,
		date_trunc('milliseconds', now()),
		date_trunc('milliseconds', now() + $3::interval + ($4::interval - $3::interval) * random())
	from generate_series($1::bigint, $2::bigint - 1) n`

// Fill inserts the sessions numbered from to to-1, which expire between soonest and latest from now.
func Fill(tb testing.TB, pool *pgxpool.Pool, from, to int, soonest, latest time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := pool.Exec(ctx, numbered, from, to, soonest, latest); err != nil {
		tb.Fatalf("filling the table: %v", err)
	}
}

const inTurn = `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
	select md5(n::text)::uuid, sha256(int8send(n)), '{}', 1, $2::timestamptz,
		date_trunc('milliseconds', $2::timestamptz + $3::interval * n / $1)
	from generate_series(0, $1::bigint - 1) n`

// FillInTurn inserts the sessions numbered from 0, which expire one after the other within span of start.
func FillInTurn(tb testing.TB, pool *pgxpool.Pool, sessions int, start time.Time, span time.Duration) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if _, err := pool.Exec(ctx, inTurn, sessions, start, span); err != nil {
		tb.Fatalf("filling the table: %v", err)
	}
}

// Numbered names a session that Fill has inserted.
func Numbered(n int) store.Ref {
	return store.Ref{
		Key:    store.Handle(md5.Sum([]byte(strconv.Itoa(n)))),
		Hash:   sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n))),
		Policy: Policy(),
	}
}

// Count returns what a query of one number says.
func Count(tb testing.TB, pool *pgxpool.Pool, sql string, args ...any) int {
	tb.Helper()
	var n int
	if err := pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		tb.Fatalf("%s: %v", sql, err)
	}
	return n
}
