package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Collect implements store.Collector.
//
// The index on expires_at has no dead entries in SQLite, so that every step begins at its start. The run lock is a
// lock on the file <database>-collect, beside the file that symbolic links lead to. It stays behind empty; the lock
// ends with the process that holds it.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, fmt.Errorf("sqlite: %w", err)
	}
	run := newCollector(s, opts)
	if !opts.NoLock && !opts.DryRun {
		unlock, err := s.lockRun(context.WithoutCancel(ctx)) // it hardly waits
		if isBusy(err) {
			return store.CollectReport{Stopped: store.StopLocked, Duration: time.Since(run.start)}, nil
		}
		if err != nil {
			return store.CollectReport{}, fmt.Errorf("sqlite: collect: run lock: %w", err)
		}
		defer unlock()
	}
	err = run.run(ctx)
	return run.report, explain("collect", err)
}

// lockPatience is how long a run tries to get its lock. Merely opening the file locks it for a moment, so that of
// several runs that begin at once none might get it at its first try.
const lockPatience = 50 * time.Millisecond

// lockRun takes the run lock, or fails with a busy file. The lock is that of an exclusive transaction on a database
// that stays empty: the one way of locking a file that this module has on every system, and one that ends with the
// process.
func (s *Store) lockRun(ctx context.Context) (unlock func(), err error) {
	c, err := create(ctx, s.at.real().beside("-collect"), locking, lockPatience)
	if err != nil {
		return nil, err
	}
	err = retryBusy(ctx, lockPatience, func() error { return c.script("begin exclusive") })
	if err != nil {
		_ = c.close()
		return nil, err
	}
	return func() { _ = c.close() }, nil
}

// collector is one run.
type collector struct {
	store  *Store
	opts   store.CollectOptions
	start  time.Time
	found  int64 // expired rows at the start, up to the limit
	report store.CollectReport
	rows   pace
	pages  pace
	last   turn
	free   time.Time // until when others could write last; at first the zero time, so that the first step is followed by a look
}

func newCollector(s *Store, opts store.CollectOptions) *collector {
	return &collector{
		store: s, opts: opts, start: time.Now(),
		rows:  pace{size: 50, least: 10, most: 1000},
		pages: pace{size: 32, least: 4, most: 1000},
	}
}

func (k *collector) run(ctx context.Context) (err error) {
	defer func() { k.report.Duration = time.Since(k.start) }()
	if k.found, err = k.count(ctx); err != nil {
		return err
	}
	k.report.Remaining = k.found
	if k.opts.DryRun {
		k.report.Stopped = store.StopDone
		return nil
	}
	if err := k.delete(ctx); err != nil {
		return err
	}
	if err := k.vacuum(ctx, max(time.Since(k.start), vacuumTime)); err != nil {
		return err
	}
	k.report.Remaining, err = k.count(ctx)
	return err
}

// delete goes on batch by batch until it is done or has to stop.
func (k *collector) delete(ctx context.Context) error {
	for {
		if k.report.Stopped = k.stopped(ctx); k.report.Stopped != "" {
			return nil
		}
		before := k.report.Deleted
		done, err := k.batch(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if k.report.Deleted > before {
			k.progress()
		}
		if done {
			k.report.Stopped = store.StopDone
			return nil
		}
		if err := k.rest(ctx); err != nil || k.report.Stopped != "" {
			return err
		}
	}
}

// rest pauses before the next batch, if there is one and time for both.
func (k *collector) rest(ctx context.Context) error {
	if ctx.Err() != nil || k.opts.Pause <= 0 && k.opts.MaxDuration <= 0 {
		return nil
	}
	due, err := k.atMost(ctx, 1, k.opts.Keep)
	switch {
	case err != nil:
		return err
	case due == 0:
		k.report.Stopped = store.StopDone
	case k.opts.MaxDuration > 0 && time.Since(k.start)+max(0, k.opts.Pause) >= k.opts.MaxDuration:
		k.report.Stopped = store.StopMaxDuration
	default:
		pause(ctx, k.opts.Pause)
	}
	return nil
}

func (k *collector) stopped(ctx context.Context) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case k.report.Batches > 0 && k.late():
		return store.StopMaxDuration
	}
	return ""
}

func (k *collector) late() bool {
	return k.opts.MaxDuration > 0 && time.Since(k.start) >= k.opts.MaxDuration
}

// batch deletes up to a batch of rows, in steps.
func (k *collector) batch(ctx context.Context) (done bool, err error) {
	for total := int64(0); total < int64(k.opts.Batch); {
		size := min(k.rows.size, int64(k.opts.Batch)-total)
		k.store.writer.log.keepUp(ctx)
		deleted, err := k.step(ctx, size)
		total += deleted
		k.report.Deleted += deleted
		if err != nil || deleted < size {
			return err == nil, err
		}
		if k.makeWay(ctx, k.rows) && k.late() {
			return false, nil
		}
	}
	return false, nil
}

// step deletes up to size rows. A deletion need not survive a power cut, so it does not wait for the disk.
func (k *collector) step(ctx context.Context, size int64) (deleted int64, err error) {
	err = k.transact(ctx, &k.rows, func(c *conn) (err error) {
		deleted, err = c.exec(deleteExpired, now().Add(-k.opts.Keep).UnixMilli(), size)
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// progress reports a batch. What remains is counted at the start and at the end, in between it is worked out.
func (k *collector) progress() {
	k.report.Batches++
	k.report.Duration = time.Since(k.start)
	if k.found < store.RemainingLimit {
		k.report.Remaining = max(k.found-k.report.Deleted, 0)
	}
	if k.opts.Progress != nil {
		k.opts.Progress(k.report)
	}
}

// count counts the expired rows, kept ones too, up to the limit. It does not end with ctx: the report needs the number.
func (k *collector) count(ctx context.Context) (n int64, err error) {
	return k.atMost(ctx, store.RemainingLimit, 0)
}

// atMost counts the rows that have been expired for so long, up to a limit.
func (k *collector) atMost(ctx context.Context, limit int64, keep time.Duration) (n int64, err error) {
	err = k.store.readers.do(context.WithoutCancel(ctx), func(c *conn) (err error) {
		n, err = c.number(countExpired, now().Add(-keep).UnixMilli(), limit)
		return err
	})
	return n, err
}

func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
