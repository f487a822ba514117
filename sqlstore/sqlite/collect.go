package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// Collect implements store.Collector.
//
// The index on expires_at has no dead entries in SQLite, so that every step begins at its start. The run lock is a
// lock on the file <database>-collect, beside the file that symbolic links lead to, with the database's mode and owner.
// It stays behind empty; the lock ends with the process that holds it. A run that may not open it goes without.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, fmt.Errorf("sqlite: %w", err)
	}
	r := newCollectRun(s, opts)
	if !opts.NoLock && !opts.DryRun {
		unlock, err := s.lockRun(context.WithoutCancel(ctx)) // it hardly waits
		if isBusy(err) {
			return store.CollectReport{Stopped: store.StopLocked, Duration: time.Since(r.start)}, nil
		}
		if err != nil && !forbidden(err) {
			return store.CollectReport{}, fmt.Errorf("sqlite: collect: run lock: %w", err)
		}
		if err == nil {
			defer unlock()
		}
	}
	err = r.run(ctx)
	return r.report, explain("collect", err)
}

// collectRun is one call of Collect.
type collectRun struct {
	store  *Store
	opts   store.CollectOptions
	start  time.Time
	found  int64 // expired rows at the start, up to the limit
	report store.CollectReport
	kept   bool // the last step has met rows that the database keeps
	rows   pace
	pages  pace
	last   stepMark
	free   time.Time // until when others could write last; at first the zero time, so that the first step is followed by a look
}

func newCollectRun(s *Store, opts store.CollectOptions) *collectRun {
	return &collectRun{
		store: s, opts: opts, start: time.Now(),
		rows:  pace{size: 50, least: 10, most: 1000},
		pages: pace{size: 32, least: 4, most: 1000},
	}
}

func (r *collectRun) run(ctx context.Context) (err error) {
	defer func() { r.report.Duration = time.Since(r.start) }()
	if r.found, err = r.count(ctx); err != nil {
		return err
	}
	r.report.Remaining = r.found
	if r.opts.DryRun {
		r.report.Stopped = store.StopDone
		return nil
	}
	if err := r.delete(ctx); err != nil {
		return err
	}
	if err := r.vacuum(ctx, max(time.Since(r.start), vacuumTime)); err != nil {
		return err
	}
	r.report.Remaining, err = r.count(ctx)
	return err
}

// delete goes on batch by batch until it is done or has to stop.
func (r *collectRun) delete(ctx context.Context) error {
	for {
		if r.report.Stopped = r.stopped(ctx); r.report.Stopped != "" {
			return nil
		}
		before := r.report.Deleted
		stopped, err := r.batch(ctx)
		if err != nil && ctx.Err() == nil {
			return err
		}
		if r.report.Deleted > before {
			r.progress()
		}
		if stopped != "" {
			r.report.Stopped = stopped
			return nil
		}
		if err := r.rest(ctx); err != nil || r.report.Stopped != "" {
			return err
		}
	}
}

// rest pauses before the next batch, if there is one and time for both.
func (r *collectRun) rest(ctx context.Context) error {
	if ctx.Err() != nil || r.opts.Pause <= 0 && r.opts.MaxDuration <= 0 {
		return nil
	}
	due, err := r.atMost(ctx, 1, r.opts.Keep)
	switch {
	case err != nil:
		return err
	case due == 0:
		r.report.Stopped = store.StopDone
	case r.opts.MaxDuration > 0 && time.Since(r.start)+max(0, r.opts.Pause) >= r.opts.MaxDuration:
		r.report.Stopped = store.StopMaxDuration
	default:
		_ = retry.Sleep(ctx, r.opts.Pause)
	}
	return nil
}

func (r *collectRun) stopped(ctx context.Context) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case r.report.Batches > 0 && r.late():
		return store.StopMaxDuration
	}
	return ""
}

func (r *collectRun) late() bool {
	return r.opts.MaxDuration > 0 && time.Since(r.start) >= r.opts.MaxDuration
}

// batch deletes up to a batch of rows, in steps. It says why no other batch follows, if none does.
func (r *collectRun) batch(ctx context.Context) (stopped store.StopReason, err error) {
	largest := min(r.rows.most, int64(r.opts.Batch))
	for total := int64(0); total < int64(r.opts.Batch); {
		size := min(r.rows.size, int64(r.opts.Batch)-total)
		if r.kept {
			size = largest // each step finds again what is kept
		}
		r.store.writer.log.keepUp(ctx)
		deleted, err := r.step(ctx, size)
		total += deleted
		r.report.Deleted += deleted
		switch {
		case err != nil:
			return "", err
		case r.kept && deleted == 0 && size == largest:
			return store.StopRefused, nil
		case !r.kept && deleted < size:
			return store.StopDone, nil
		}
		if r.makeWay(ctx, r.rows) && r.late() {
			return "", nil
		}
	}
	return "", nil
}

// step deletes up to size rows, and sees whether the database keeps some of them. A deletion need not survive a power
// cut, so it does not wait for the disk.
func (r *collectRun) step(ctx context.Context, size int64) (deleted int64, err error) {
	err = r.transact(ctx, &r.rows, func(c *conn) (err error) {
		due := now().Add(-r.opts.Keep).UnixMilli()
		r.kept = false
		if deleted, err = c.exec(deleteExpired, due, size); err != nil || deleted == size {
			return err
		}
		left, err := c.number(countExpired, due, int64(1))
		r.kept = left > 0
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// progress reports a batch. What remains is counted at the start and at the end, in between it is worked out.
func (r *collectRun) progress() {
	r.report.Batches++
	r.report.Duration = time.Since(r.start)
	if r.found < store.RemainingLimit {
		r.report.Remaining = max(r.found-r.report.Deleted, 0)
	}
	if r.opts.Progress != nil {
		r.opts.Progress(r.report)
	}
}

// count counts the expired rows, kept ones too, up to the limit. It does not end with ctx: the report needs the number.
func (r *collectRun) count(ctx context.Context) (n int64, err error) {
	return r.atMost(ctx, store.RemainingLimit, 0)
}

// atMost counts the rows that have been expired for so long, up to a limit.
func (r *collectRun) atMost(ctx context.Context, limit int64, keep time.Duration) (n int64, err error) {
	err = r.store.readers.do(context.WithoutCancel(ctx), func(c *conn) (err error) {
		n, err = c.number(countExpired, now().Add(-keep).UnixMilli(), limit)
		return err
	})
	return n, err
}
