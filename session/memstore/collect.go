package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
)

// Collect implements Collector. It holds up other callers while it looks through all rows, once before the first batch and
// once after the last, and for no longer than a batch takes in between. It needs no lock of its own against another
// collector.
func (m *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, err
	}
	r := collectRun{store: m, opts: opts, start: time.Now()}
	if !opts.DryRun {
		r.run(ctx, m.expired(opts.Keep))
	}
	r.report.Remaining = int64(min(len(m.expired(0)), store.RemainingLimit))
	r.report.Duration = time.Since(r.start)
	if r.report.Stopped == "" {
		r.report.Stopped = store.StopDone
	}
	return r.report, nil
}

// expired returns the keys of the rows that have been expired for at least keep, those that expired first before others.
func (m *Store) expired(keep time.Duration) []store.Handle {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var keys []store.Handle
	for key, r := range m.rows {
		if !now.Before(r.ExpiresAt.Add(keep)) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b store.Handle) int { return m.rows[a].ExpiresAt.Compare(m.rows[b].ExpiresAt) })
	return keys
}

// collectRun is one call of Collect.
type collectRun struct {
	store  *Store
	opts   store.CollectOptions
	start  time.Time
	report store.CollectReport
}

func (r *collectRun) run(ctx context.Context, due []store.Handle) {
	for batch := range slices.Chunk(due, r.opts.Batch) {
		if r.report.Batches > 0 && !r.pause(ctx) {
			r.report.Stopped = store.StopMaxDuration
			return
		}
		if r.report.Stopped = r.stopped(ctx); r.report.Stopped != "" {
			return
		}
		r.report.Deleted += r.store.deleteExpired(batch, r.opts.Keep)
		r.report.Batches++
		r.report.Duration = time.Since(r.start)
		if r.opts.Progress != nil {
			r.opts.Progress(r.report)
		}
	}
}

// pause reports whether it ended before MaxDuration did; it does not begin otherwise.
func (r *collectRun) pause(ctx context.Context) bool {
	if r.opts.Pause <= 0 {
		return true
	}
	if r.opts.MaxDuration > 0 && time.Since(r.start)+r.opts.Pause >= r.opts.MaxDuration {
		return false
	}
	_ = retry.Sleep(ctx, r.opts.Pause) // stopped sees the end of ctx
	return true
}

// stopped says why no further batch may be begun; "" if one may.
func (r *collectRun) stopped(ctx context.Context) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case r.opts.MaxDuration > 0 && r.report.Batches > 0 && time.Since(r.start) >= r.opts.MaxDuration:
		return store.StopMaxDuration
	}
	return ""
}

// deleteExpired deletes those of keys that are expired still: some may have been touched meanwhile.
func (m *Store) deleteExpired(keys []store.Handle, keep time.Duration) (deleted int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	for _, key := range keys {
		if r, ok := m.rows[key]; ok && !now.Before(r.ExpiresAt.Add(keep)) {
			m.remove(key, store.Destroyed)
			deleted++
		}
	}
	return deleted
}
