package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

// batchTime bounds one statement of the collector.
const batchTime = time.Minute

// Collect implements store.Collector. It deletes range by range, along the index on expires_at or, where much of the
// table is expired, along its pages. The width of a range follows what the last one held, so that no batch walks over
// what an earlier one has left behind. The expiry is part of the condition of every delete: a row that is extended
// meanwhile stays.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, fmt.Errorf("postgres: %w", err)
	}
	c := &collector{store: s, opts: opts, started: time.Now()}
	// A batch that has begun is not torn apart when ctx ends.
	work := context.WithoutCancel(ctx)
	err = c.run(ctx, work)
	c.report.Duration = time.Since(c.started)
	if err == nil && c.report.Stopped != store.StopLocked {
		c.report.Remaining, err = c.remaining(work)
	}
	return c.report, failed("collecting expired sessions", err)
}

// collector is one run.
type collector struct {
	store   *Store
	opts    store.CollectOptions
	started time.Time
	report  store.CollectReport

	expired time.Time // rows that expire before it are deleted
	local   bool      // the table is not distributed
	locker  int64     // the server's process that holds the run lock
	alone   time.Time // when nobody else was at work

	patience time.Duration // with the statements that look for the way; 0: as with any

	along     axis
	next, end int64    // the part of it that is walked
	rest      int64    // the part from 0 up to here comes after it
	whole     [2]int64 // all of the way, from its first row or page on
	width     int64
	tied      []pgtype.UUID // rows of the narrowest range that are more than a batch
	stuck     pgtype.UUID   // the first of them, last time

	owes   bool // a pause before the next delete
	tried  bool // a delete was sent
	over   bool // the pause would last beyond MaxDuration
	missed bool // a row was found and not deleted: somebody else did, or extended it, or nobody may
}

func (c *collector) run(ctx, work context.Context) error {
	if c.opts.DryRun {
		c.report.Stopped = store.StopDone
		_, err := c.begin(work)
		return err
	}
	if !c.opts.NoLock {
		lock, server, err := c.store.collectorLock(work)
		if err != nil {
			return err
		}
		if lock == nil {
			c.report.Stopped = store.StopLocked
			return nil
		}
		defer unlock(lock)
		c.locker = server
	}
	return c.batches(ctx, work)
}

func (c *collector) batches(ctx, work context.Context) error {
	more, err := c.begin(work)
	for more && err == nil {
		if ctx.Err() != nil {
			c.report.Stopped = store.StopSignal
			return nil
		}
		if c.over || c.late() {
			c.report.Stopped = store.StopMaxDuration
			return nil
		}
		before, start := c.report.Deleted, time.Now()
		more, err = c.batch(ctx, work)
		if c.report.Deleted > before {
			c.report.Batches++
			c.progress()
		}
		if more && err == nil && !c.late() {
			err = c.makeWay(ctx, work, time.Since(start))
		}
	}
	if err == nil {
		c.report.Stopped = store.StopDone
	}
	return err
}

// late reports whether the time is over. At least one batch is made, however long it took to find the first row.
func (c *collector) late() bool {
	return c.opts.MaxDuration > 0 && c.tried && time.Since(c.started) >= c.opts.MaxDuration
}

func (c *collector) progress() {
	c.report.Duration = time.Since(c.started)
	if c.opts.Progress != nil {
		c.opts.Progress(c.report)
	}
}
