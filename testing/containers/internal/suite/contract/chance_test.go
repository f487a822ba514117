package contract_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
	"github.com/simples-go/sessions/testing/containers/internal/wire"
	"github.com/simples-go/sessions/testing/internal/chance"
)

const (
	byChance = 6 // rounds of a situation
	atATime  = 6

	// patience is the time of a call. A fence is a quarter of it, and a message may come after that.
	patience = 2 * time.Second
	onTheWay = patience * 3 / 8
)

// What has broken a promise once, in many random orders: beside what package chance disturbs, messages are late and
// connections break.
func TestByChance(t *testing.T) {
	for _, s := range chance.Situations {
		t.Run(s.Name, func(t *testing.T) {
			db := containers.Postgres(t)
			place, together := chance.Place{Store: lagging(t, db), Calm: db.Store, Late: onTheWay}, atATime
			place.Advance = func(d time.Duration) { pgstore.Advance(t, db.Pool, d) }
			if s.Alone {
				place.Store, together = db.Store, 1
			}
			chance.EachSeed(t, byChance, together, func(seed uint64) error { return s.Play(chance.NewRound(place, seed)) })
		})
	}
}

// lagging is a store whose messages are late now and then, up to later than their fences, and whose connections break.
func lagging(t *testing.T, db *containers.Database) *postgres.Store {
	t.Helper()
	config, err := pgxpool.ParseConfig(db.URL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 8
	config.ConnConfig.DialFunc = wire.NewLag(1, 12, 500*time.Microsecond, onTheWay).Dial
	return pgstore.New(t, pgstore.Pool(t, config), postgres.WithoutListen(), postgres.WithTimeout(patience))
}

// A session expires while somebody has its row locked, or not, and is written in one way or another. What has expired
// stays so.
func TestExpiryByChance(t *testing.T) {
	for batching, opts := range batchings() {
		t.Run(batching, func(t *testing.T) {
			db := containers.Postgres(t)
			st := pgstore.New(t, sizedPool(t, db, 8), opts...)
			chance.EachSeed(t, byChance, atATime, func(seed uint64) error {
				return expiryInALock(chance.NewRound(chance.Place{Store: st, Calm: db.Store}, seed), db)
			})
		})
	}
}

func expiryInALock(r *chance.Round, db *containers.Database) error {
	ctx, ref := context.Background(), pgstore.Ref()
	if _, err := r.Store.Create(ctx, ref, store.Change{}); err != nil {
		return err
	}
	const expires = `update sessions set expires_at = date_trunc('milliseconds', clock_timestamp() + $2::interval)
		where id = $1`
	key, life := [16]byte(ref.Key), time.Duration(5+r.Rand.IntN(60))*time.Millisecond
	if _, err := db.Pool.Exec(ctx, expires, key, life); err != nil {
		return err
	}
	held, wait := time.Duration(r.Rand.IntN(120))*time.Millisecond, time.Duration(r.Rand.IntN(40))*time.Millisecond
	write := anyWrite(r)
	written := make(chan error, 1)
	over, err := holdRow(ctx, db, key, held, func() {
		time.Sleep(wait)
		written <- write(ctx, ref)
	})
	if err != nil {
		return err
	}
	answer := <-written
	_, found := r.Calm.Load(ctx, ref)
	switch {
	case over && answer == nil:
		return fmt.Errorf("it had expired when its lock of %v was released, and is written", held)
	case over && found == nil:
		return fmt.Errorf("it had expired when its lock of %v was released, and is back", held)
	case !errors.Is(cmp.Or(answer, store.ErrExpired), store.ErrExpired):
		return fmt.Errorf("the write: %w", answer)
	}
	return nil
}

// holdRow locks a row for some time, in which meanwhile begins, and reports whether the session had expired at its end.
func holdRow(ctx context.Context, db *containers.Database, key [16]byte, held time.Duration, meanwhile func()) (
	over bool, err error,
) {
	err = pgx.BeginFunc(ctx, db.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select from sessions where id = $1 for update`, key); err != nil {
			return err
		}
		go meanwhile()
		const look = `select clock_timestamp() >= expires_at from sessions, pg_sleep($2) where id = $1`
		return tx.QueryRow(ctx, look, key, held.Seconds()).Scan(&over)
	})
	return over, err
}

// anyWrite is one of the ways to write a row.
func anyWrite(r *chance.Round) func(context.Context, store.Ref) error {
	hash, owner := pgstore.Ref().Hash, "ada"
	changes := []store.Change{
		pgstore.Set("k", "1"), {Set: pgstore.Set("k", "1").Set, Extend: true}, {Rotate: &hash, Renew: true}, {Owner: &owner},
	}
	n := r.Rand.IntN(len(changes) + 2)
	return func(ctx context.Context, ref store.Ref) (err error) {
		switch {
		case n < len(changes):
			_, err = r.Store.Save(ctx, ref, changes[n])
		case n == len(changes):
			_, err = r.Store.Touch(ctx, ref)
		default:
			_, err = r.Store.SaveLocked(ctx, ref, func(store.Record) (store.Change, error) { return pgstore.Set("k", "1"), nil })
		}
		return err
	}
}
