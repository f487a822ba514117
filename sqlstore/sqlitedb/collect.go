package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// defaultPause is the pause between two batches if the caller names none: the application's own work goes on in the same
// file.
const defaultPause = 20 * time.Millisecond

// Collect implements store.Collector, with a transaction for each batch. It takes no lock against another collector: a
// second one finds nothing to do.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (report store.CollectReport, err error) {
	if opts, err = opts.WithDefaults(); err != nil {
		return report, fmt.Errorf("sqlitedb: %w", err)
	}
	r := collectRun{Store: s, opts: opts, start: time.Now()}
	if r.report.Stopped = store.StopDone; !opts.DryRun {
		err = r.delete(ctx)
	}
	if err == nil {
		r.report.Remaining, err = r.due(ctx, store.RemainingLimit, 0)
	}
	r.report.Duration = time.Since(r.start)
	return r.report, explain("collect", err)
}

// collectRun is one call of Collect.
type collectRun struct {
	*Store
	opts   store.CollectOptions
	start  time.Time
	report store.CollectReport
}

// delete deletes batch by batch until it is done or has to stop.
func (r *collectRun) delete(ctx context.Context) error {
	for {
		if r.report.Stopped = r.stopped(ctx, 0); r.report.Stopped != "" {
			return nil
		}
		refused, err := r.batch(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case refused:
			r.report.Stopped = store.StopRefused
			return nil
		}
		due, err := r.due(ctx, 1, r.opts.Keep)
		if err != nil || due == 0 {
			r.report.Stopped = store.StopDone
			return err
		}
		wait := betweenBatches(r.opts)
		if r.report.Stopped = r.stopped(ctx, wait); r.report.Stopped != "" {
			return nil
		}
		_ = retry.Sleep(ctx, wait) // stopped sees the end of ctx
	}
}

// stopped says why no further batch may begin after a pause; "" if one may.
func (r *collectRun) stopped(ctx context.Context, pause time.Duration) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case r.opts.MaxDuration > 0 && r.report.Batches > 0 && time.Since(r.start)+pause >= r.opts.MaxDuration:
		return store.StopMaxDuration
	}
	return ""
}

// due counts the rows that have been expired for so long, up to a limit. It does not end with ctx: the report needs the
// number.
func (r *collectRun) due(ctx context.Context, limit int64, keep time.Duration) (int64, error) {
	return r.expired(context.WithoutCancel(ctx), r.db, now().Add(-keep), limit)
}

// expired counts the rows that had expired at a time, up to a limit.
func (s *Store) expired(ctx context.Context, q querier, at time.Time, limit int64) (n int64, err error) {
	err = patiently(ctx, func() error { return q.QueryRowContext(ctx, s.sql.count, at.UnixMilli(), limit).Scan(&n) })
	if err != nil {
		return 0, failed(ctx, err)
	}
	return n, nil
}

// batch reports whether rows are due of which the database has let none be deleted.
func (r *collectRun) batch(ctx context.Context) (refused bool, err error) {
	var n int64
	err = r.write(ctx, func(c *sql.Conn) (err error) {
		at := now().Add(-r.opts.Keep)
		if n, err = exec(ctx, c, r.sql.expired, at.UnixMilli(), r.opts.Batch); err != nil || n > 0 {
			return err
		}
		kept, err := r.expired(ctx, c, at, 1)
		refused = kept > 0
		return err
	})
	if err != nil || n == 0 {
		return refused, err
	}
	r.report.Deleted += n
	r.report.Batches++
	r.report.Duration = time.Since(r.start)
	if r.opts.Progress != nil {
		r.opts.Progress(r.report)
	}
	return false, nil
}

// betweenBatches is how long to wait between two batches.
func betweenBatches(opts store.CollectOptions) time.Duration {
	switch {
	case opts.Pause < 0:
		return 0
	case opts.Pause == 0:
		return defaultPause
	}
	return opts.Pause
}
