package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// defaultPause is between two batches if the caller names none: the application's own work goes on in the same file.
const defaultPause = 20 * time.Millisecond

// Collect implements store.Collector, with a transaction for each batch. It takes no lock against another collector: a
// second one finds nothing to do.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (report store.CollectReport, err error) {
	if opts, err = opts.WithDefaults(); err != nil {
		return report, fmt.Errorf("sqlitedb: %w", err)
	}
	k := collector{Store: s, opts: opts, start: time.Now()}
	if k.report.Stopped = store.StopDone; !opts.DryRun {
		err = k.run(ctx)
	}
	if err == nil {
		k.report.Remaining, err = k.due(ctx, store.RemainingLimit, 0)
	}
	k.report.Duration = time.Since(k.start)
	return k.report, explain("collect", err)
}

// collector is one run.
type collector struct {
	*Store
	opts   store.CollectOptions
	start  time.Time
	report store.CollectReport
}

func (k *collector) run(ctx context.Context) error {
	for {
		if k.report.Stopped = k.stopped(ctx, 0); k.report.Stopped != "" {
			return nil
		}
		if err := k.batch(ctx); err != nil && ctx.Err() == nil {
			return err
		}
		due, err := k.due(ctx, 1, k.opts.Keep)
		if err != nil || due == 0 {
			k.report.Stopped = store.StopDone
			return err
		}
		wait := pause(k.opts)
		if k.report.Stopped = k.stopped(ctx, wait); k.report.Stopped != "" {
			return nil
		}
		_ = retry.Sleep(ctx, wait) // stopped sees the end of ctx
	}
}

// stopped says why no further batch may begin after a pause; "" if one may.
func (k *collector) stopped(ctx context.Context, pause time.Duration) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case k.opts.MaxDuration > 0 && k.report.Batches > 0 && time.Since(k.start)+pause >= k.opts.MaxDuration:
		return store.StopMaxDuration
	}
	return ""
}

// due counts the rows that have been expired for so long, up to a limit. It does not end with ctx: the report needs the
// number.
func (k *collector) due(ctx context.Context, limit int64, keep time.Duration) (n int64, err error) {
	row := k.db.QueryRowContext(context.WithoutCancel(ctx), k.sql.count, now().Add(-keep).UnixMilli(), limit)
	if err := row.Scan(&n); err != nil {
		return 0, &failure{err}
	}
	return n, nil
}

func (k *collector) batch(ctx context.Context) error {
	var n int64
	err := k.write(ctx, func(c *sql.Conn) (err error) {
		n, err = exec(ctx, c, k.sql.expired, now().Add(-k.opts.Keep).UnixMilli(), k.opts.Batch)
		return err
	})
	if err != nil || n == 0 {
		return err
	}
	k.report.Deleted += n
	k.report.Batches++
	k.report.Duration = time.Since(k.start)
	if k.opts.Progress != nil {
		k.opts.Progress(k.report)
	}
	return nil
}

func pause(opts store.CollectOptions) time.Duration {
	switch {
	case opts.Pause < 0:
		return 0
	case opts.Pause == 0:
		return defaultPause
	}
	return opts.Pause
}
