package postgres

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/broadcast"
	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// Store keeps sessions in Postgres. Make it with New or Open. All methods are safe for concurrent use.
type Store struct {
	pool     *pgxpool.Pool
	ownPool  bool
	hosts    *hosts // if Open was given several
	opts     options
	sql      texts
	exec     pgx.QueryExecMode
	deadline *deadline.Clock // of calls whose context has none
	info     atomic.Pointer[tableInfo]
	node     string // marks this process's notifications
	events   broadcast.OnDemand[store.Event]

	held      atomic.Int64  // connections of the pool that calls have
	moves     atomic.Uint64 // how often a server has turned out to be none to write to any more
	pingTime  time.Duration // for a connection that was idle
	validates bool          // the pool refuses servers that accept no writes, or some others
	hooked    bool          // the pool does something with the context of each call

	fences *fences
	locks  *lockQueue

	loads   *batch.Group[store.Handle, store.Ref, store.Record]
	saves   *batch.Group[store.Handle, saveRequest, store.Saved]
	touches *batch.Group[store.Handle, store.Ref, store.Saved]
}

var (
	_ store.Store     = (*Store)(nil)
	_ store.Locker    = (*Store)(nil)
	_ store.Inspector = (*Store)(nil)
	_ store.Toucher   = (*Store)(nil)
	_ store.Watcher   = (*Store)(nil)
	_ store.Finder    = (*Store)(nil)
	_ store.Collector = (*Store)(nil)
	_ store.Clock     = (*Store)(nil)
)

// New returns a store on the pool, which stays the caller's to close. It does not connect: that the table is there is
// found out by the first call. The error is one of an option.
func New(pool *pgxpool.Pool, opts ...Option) (*Store, error) {
	if pool == nil {
		return nil, errors.New("postgres: the pool is nil")
	}
	config := pool.Config()
	chosen, err := newOptions(opts, int(config.MaxConns))
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s := &Store{pool: pool, opts: chosen, node: rand.Text()[:8]}
	table, err := migrations.NewTable(migrations.Postgres, s.opts.schema, s.opts.table)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s.sql = newTexts(table)
	s.fences = newFences(s.opts.timeout)
	s.locks = newLockQueue(max(int(config.MaxConns)/4, min(int(config.MaxConns)/2, 2)))
	s.deadline = deadline.New(s.opts.timeout)
	s.exec = execMode(config.ConnConfig, s.opts.noPrepare)
	s.events.Run = func(ctx context.Context) { s.listen(asOwn(ctx)) }
	s.usePool(config)
	s.makeGroups()
	return s, nil
}

// usePool notes what there is to know of the pool.
func (s *Store) usePool(config *pgxpool.Config) {
	s.pingTime = cmp.Or(config.PingTimeout, poolPingTimeout)
	s.validates = config.ConnConfig.ValidateConnect != nil
	//lint:ignore SA1019 services still set it
	s.hooked = config.BeforeAcquire != nil || config.PrepareConn != nil
}

// Close waits for what is in flight and ends the pool if Open made it; one that was given to New is its owner's to
// close. A second Close does nothing.
func (s *Store) Close() error {
	if s.ownPool {
		s.pool.Close()
	}
	return nil
}

// execMode is the pool's own, but for the two modes that send values as text: rows are read in binary form.
func execMode(config *pgx.ConnConfig, noPrepare bool) pgx.QueryExecMode {
	mode := config.DefaultQueryExecMode
	text := mode == pgx.QueryExecModeExec || mode == pgx.QueryExecModeSimpleProtocol
	switch {
	case !noPrepare && !text:
		return mode
	case config.DescriptionCacheCapacity > 0:
		return pgx.QueryExecModeCacheDescribe
	}
	return pgx.QueryExecModeDescribeExec
}

func (s *Store) makeGroups() {
	s.loads = batch.New(batch.Options[store.Handle, store.Ref, store.Record]{
		Slots: s.opts.loads, Max: s.opts.max, Timeout: s.opts.timeout, Bounded: true,
		Shared: ownContext,
		One:    s.loadOne, Many: s.loadMany,
		Key:  func(ref store.Ref) store.Handle { return ref.Key },
		Join: func(first, second store.Ref) (store.Ref, bool) { return first, first.Hash == second.Hash },
	})
	s.saves = batch.New(batch.Options[store.Handle, saveRequest, store.Saved]{
		Slots: s.opts.saves, Enough: s.opts.max / enough, Max: s.opts.max, Timeout: s.opts.timeout, Bounded: true,
		Shared: ownContext,
		One:    s.saveOne, Many: s.saveMany, Key: saveRequest.key, Join: saveRequest.join,
		Left: func(r saveRequest, done <-chan struct{}) { s.fences.pending.add(r.ref.Key, pendingWrite{done: done}) },
	})
	s.touches = batch.New(batch.Options[store.Handle, store.Ref, store.Saved]{
		Slots: s.opts.loads, Max: s.opts.max, Timeout: s.opts.timeout, Bounded: true,
		Shared: ownContext,
		One:    s.touchOne, Many: s.touchMany,
		Key:  func(ref store.Ref) store.Handle { return ref.Key },
		Join: func(first, second store.Ref) (store.Ref, bool) { return first, first == second },
	})
}

// grouped has the request served by the group or, unless use is set, by the function one. If that has not served it,
// fallback does. All have the store's timeout.
func grouped[K comparable, Req, Res any](ctx context.Context, s *Store, use bool, g *batch.Group[K, Req, Res], req Req,
	one, fallback func(context.Context, Req) (Res, error)) (res Res, err error) {
	if !use {
		ctx, cancel := s.bound(ctx)
		defer cancel()
		if res, err = one(ctx, req); err == errUnserved {
			return fallback(ctx, req)
		}
		return res, err
	}
	begun := time.Now()
	res, err = g.Do(ctx, req)
	switch {
	case err == errUnserved:
		ctx, cancel := s.boundSince(ctx, begun)
		defer cancel()
		return fallback(ctx, req)
	case errors.Is(err, batch.ErrFull):
		err = fmt.Errorf("postgres: %w", err)
	}
	return res, err
}
