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
	if d.lite {
		return d.fillSQLite(ctx, 0, rows, func(i int) time.Duration {
			if i%2 == 0 {
				return -1 - rand.N(24*time.Hour)
			}
			return time.Hour
		})
	}
	return d.fillPostgres(ctx, rows)
}

// What feed adds lives for soonest at least and latest at most.
const (
	soonest = 5 * time.Second
	latest  = 30 * time.Second
)

// feed adds so many sessions each second, which expire soon, until ctx ends. They are not in the order in which they
// expire.
func (d *db) feed(ctx context.Context, from int, perSecond float64) error {
	const turns = 10
	tick := time.NewTicker(time.Second / turns)
	defer tick.Stop()
	begun, done := time.Now(), 0
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n := int(time.Since(begun).Seconds()*perSecond) - done
		if err := d.add(context.WithoutCancel(ctx), from+done, n); err != nil {
			return err
		}
		done += n
	}
}

func (d *db) add(ctx context.Context, from, rows int) error {
	if d.lite {
		return d.fillSQLite(ctx, from, rows, func(int) time.Duration { return soonest + rand.N(latest-soonest) })
	}
	return d.insert(ctx, from, rows, fmt.Sprintf(`(%f + random() * %f) * interval '1 second'`, soonest.Seconds(),
		(latest-soonest).Seconds()))
}

// data is 400 bytes.
var data = fmt.Sprintf(`{"name": %q, "visits": 1}`, strings.Repeat("x", 370))

// insert adds sessions that expire, from now, at an interval in SQL.
func (d *db) insert(ctx context.Context, from, rows int, expires string) error {
	_, err := d.sql.ExecContext(ctx, `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
		select encode(substr(h, 1, 16), 'hex')::uuid, sha256(h), $3::text::json, 1, date_trunc('milliseconds', now()) - interval '1 hour',
			date_trunc('milliseconds', now() + `+expires+`)
		from (select i, sha256(int8send(i)) as h from generate_series($1::bigint, $1::bigint + $2::bigint - 1) i) s`, from, rows, data)
	return err
}

func (d *db) fillPostgres(ctx context.Context, rows int) error {
	const expires = `case when i % 2 = 0 then -random() * interval '1 day' else interval '1 hour' end`
	if err := d.insert(ctx, 0, rows, expires); err != nil {
		return err
	}
	for _, statement := range []string{"vacuum analyze sessions", "checkpoint"} {
		if _, err := d.sql.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func (d *db) fillSQLite(ctx context.Context, from, rows int, expires func(i int) time.Duration) error {
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
	now := time.Now()
	for i := from; i < from+rows; i++ {
		ref := reference(i)
		created, expire := now.Add(-time.Hour).UnixMilli(), now.Add(expires(i)).UnixMilli()
		if _, err := insert.ExecContext(ctx, ref.Key[:], ref.Hash[:], data, created, expire); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// backlog counts the expired rows.
func (d *db) backlog(ctx context.Context) (n int64, err error) {
	query := "select count(*) from sessions where expires_at <= now()"
	if d.lite {
		query = "select count(*) from sessions where expires_at <= unixepoch('subsec') * 1000"
	}
	err = d.sql.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// taken are the durations of loads and of saves.
type taken [2][]time.Duration

// foreground loads and saves live sessions, a caller each, one after another, until ctx ends.
func (d *db) foreground(ctx context.Context, rows int, taken *taken) (err error) {
	work := d.work(ctx, rows)
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

// work is a load and a save of a live session.
func (d *db) work(ctx context.Context, rows int) [2]func() error {
	change := store.Change{Set: map[string]json.RawMessage{"visits": json.RawMessage("2")}}
	alive := func() store.Ref { return reference(rand.IntN(rows/2)*2 + 1) }
	return [2]func() error{
		func() error { _, err := d.store.Load(context.WithoutCancel(ctx), alive()); return err },
		func() error { _, err := d.store.Save(context.WithoutCancel(ctx), alive(), change); return err },
	}
}
