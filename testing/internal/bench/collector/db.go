package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// db is a store, and the database below it.
type db struct {
	store store.Store
	done  func()
	sql   *sql.DB
	lite  bool
}

func (d *db) connect(ctx context.Context, url string) (err error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		d.lite = true
		d.sql, err = sqlite.OpenDB(ctx, path)
		return err
	}
	d.sql, err = sql.Open("pgx", url)
	return err
}

func (d *db) close() {
	_ = d.sql.Close()
	d.done()
}

func (d *db) collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	collector, ok := d.store.(store.Collector)
	if !ok {
		return store.CollectReport{}, errors.New("the store has no collector")
	}
	return collector.Collect(ctx, opts)
}

func (d *db) deleteAll(ctx context.Context) (int64, error) {
	statement := "delete from sessions where expires_at < now()"
	if d.lite {
		statement = "delete from sessions where expires_at < unixepoch('subsec') * 1000"
	}
	done, err := d.sql.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return done.RowsAffected()
}

func number(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// reference names a session that fill makes. The odd ones are alive.
func reference(i int) store.Ref {
	sum := sha256.Sum256(number(i))
	return store.Ref{
		Key: store.Handle(sum[:16]), Hash: sha256.Sum256(sum[:]),
		Policy: store.Policy{Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}, MaxBytes: 1 << 20},
	}
}

// fill inserts sessions of 400 bytes, the even ones expired over the last day.
func (d *db) fill(ctx context.Context, rows int) error {
	data := fmt.Sprintf(`{"name": %q, "visits": 1}`, strings.Repeat("x", 370))
	if d.lite {
		return d.fillSQLite(ctx, rows, data)
	}
	_, err := d.sql.ExecContext(ctx, `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
		select encode(substr(h, 1, 16), 'hex')::uuid, sha256(h), $2::jsonb, 1, date_trunc('milliseconds', now()) - interval '1 hour',
			date_trunc('milliseconds', now()) + case when i % 2 = 0 then -random() * interval '1 day' else interval '1 hour' end
		from (select i, sha256(int8send(i)) as h from generate_series(0, $1::bigint - 1) i) s`, rows, data)
	if err == nil {
		_, err = d.sql.ExecContext(ctx, "vacuum analyze sessions")
	}
	if err == nil {
		_, err = d.sql.ExecContext(ctx, "checkpoint")
	}
	return err
}

func (d *db) fillSQLite(ctx context.Context, rows int, data string) error {
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, `insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at)
		values (?1, ?2, ?3, 1, ?4, ?4, ?5)`)
	if err != nil {
		return err
	}
	now := time.Now().UnixMilli()
	for i := range rows {
		expires := now + time.Hour.Milliseconds()
		if i%2 == 0 {
			expires = now - 1 - rand.Int64N(24*time.Hour.Milliseconds())
		}
		ref := reference(i)
		if _, err := insert.ExecContext(ctx, ref.Key[:], ref.Hash[:], data, now-time.Hour.Milliseconds(), expires); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// taken are the durations of loads and of saves.
type taken [2][]time.Duration

// foreground loads and saves live sessions, a caller each, one after another, until ctx ends.
func (d *db) foreground(ctx context.Context, rows int, taken *taken) (err error) {
	change := store.Change{Set: map[string]json.RawMessage{"visits": json.RawMessage("2")}}
	alive := func() store.Ref { return reference(rand.IntN(rows/2)*2 + 1) }
	work := [2]func() error{
		func() error { _, err := d.store.Load(context.WithoutCancel(ctx), alive()); return err },
		func() error { _, err := d.store.Save(context.WithoutCancel(ctx), alive(), change); return err },
	}
	errs := make(chan error, len(work))
	for i, do := range work {
		go func() {
			var err error
			for err == nil && ctx.Err() == nil {
				start := time.Now()
				err = do()
				taken[i] = append(taken[i], time.Since(start))
				time.Sleep(time.Millisecond) // a service with some load, not one at its limit
			}
			errs <- err
		}()
	}
	for range work {
		err = errors.Join(err, <-errs)
	}
	return err
}
