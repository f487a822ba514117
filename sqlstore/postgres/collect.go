package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session"
)

// The defaults and bounds of CollectOptions.
const (
	defaultBatch = 2000
	largestBatch = 100_000
	defaultPause = 10 * time.Millisecond

	// batchTime bounds one statement of the collector.
	batchTime = time.Minute
)

// Collect implements session.Collector. It deletes ranges of expires_at, from the oldest on, whose width follows what
// the last one held, so that no batch walks over what an earlier one has left behind. The expiry is part of the
// condition of every delete: a row that is extended meanwhile stays.
func (s *Store) Collect(ctx context.Context, opts session.CollectOptions) (session.CollectReport, error) {
	c := &collector{store: s, opts: withDefaults(opts), started: time.Now()}
	// A batch that has begun is not torn apart when ctx ends.
	work := context.WithoutCancel(ctx)
	err := c.run(ctx, work)
	c.report.Duration = time.Since(c.started)
	if err == nil && c.report.Stopped != session.StopLocked {
		c.report.Remaining, err = c.remaining(work)
	}
	return c.report, failed("collecting expired sessions", err)
}

func withDefaults(o session.CollectOptions) session.CollectOptions {
	if o.Batch <= 0 {
		o.Batch = defaultBatch
	}
	o.Batch = min(o.Batch, largestBatch)
	if o.Pause == 0 {
		o.Pause = defaultPause
	}
	o.Keep = max(0, o.Keep)
	return o
}

// collector is one run.
type collector struct {
	store   *Store
	opts    session.CollectOptions
	started time.Time
	report  session.CollectReport

	end   time.Time // rows that expire before it are deleted
	next  time.Time // nothing before it is left
	width time.Duration
	local bool          // the table is not distributed
	tied  []pgtype.UUID // rows of one instant that are more than a batch
}

func (c *collector) run(ctx, work context.Context) error {
	if c.opts.DryRun {
		c.report.Stopped = session.StopDone
		return nil
	}
	if !c.opts.NoLock {
		release, err := c.store.collectorLock(work)
		if err != nil {
			return err
		}
		if release == nil {
			c.report.Stopped = session.StopLocked
			return nil
		}
		defer release()
	}
	return c.batches(ctx, work)
}

func (c *collector) batches(ctx, work context.Context) error {
	more, err := c.begin(work)
	for more && err == nil {
		if c.report.Stopped = c.stop(ctx); c.report.Stopped != "" {
			return nil
		}
		more, err = c.batch(work)
		c.report.Batches++
		c.progress()
		if more && err == nil && c.opts.Pause > 0 {
			sleep(ctx, c.opts.Pause)
		}
	}
	if err == nil {
		c.report.Stopped = session.StopDone
	}
	return err
}

// stop says why the run is to end before its next batch; "" where it is not.
func (c *collector) stop(ctx context.Context) string {
	switch {
	case ctx.Err() != nil:
		return session.StopSignal
	case c.opts.MaxDuration > 0 && time.Since(c.started) >= c.opts.MaxDuration:
		return session.StopMaxDuration
	}
	return ""
}

func (c *collector) progress() {
	c.report.Duration = time.Since(c.started)
	if c.opts.Progress != nil {
		c.opts.Progress(c.report)
	}
}
