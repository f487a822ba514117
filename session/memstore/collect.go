package memstore

import (
	"context"
	"github.com/simples-go/sessions/session/store"
	"slices"
	"time"
)

// Collect implements Collector. It holds up other callers for no longer than a batch takes, and needs no lock of its own
// against another collector.
func (m *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, err
	}
	c := memoryCollector{store: m, opts: opts, start: time.Now()}
	if !opts.DryRun {
		c.run(ctx, m.expired(opts.Keep))
	}
	c.report.Remaining = int64(min(len(m.expired(0)), store.RemainingLimit))
	c.report.Duration = time.Since(c.start)
	if c.report.Stopped == "" {
		c.report.Stopped = store.StopDone
	}
	return c.report, nil
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

// memoryCollector is one run of Collect.
type memoryCollector struct {
	store  *Store
	opts   store.CollectOptions
	start  time.Time
	report store.CollectReport
}

func (c *memoryCollector) run(ctx context.Context, due []store.Handle) {
	for batch := range slices.Chunk(due, c.opts.Batch) {
		if c.report.Batches > 0 && !c.pause(ctx) {
			c.report.Stopped = store.StopMaxDuration
			return
		}
		if c.report.Stopped = c.stopped(ctx); c.report.Stopped != "" {
			return
		}
		c.report.Deleted += c.store.deleteExpired(batch, c.opts.Keep)
		c.report.Batches++
		c.report.Duration = time.Since(c.start)
		if c.opts.Progress != nil {
			c.opts.Progress(c.report)
		}
	}
}

// pause reports whether it ended before MaxDuration did; it does not begin otherwise.
func (c *memoryCollector) pause(ctx context.Context) bool {
	if c.opts.Pause <= 0 {
		return true
	}
	if c.opts.MaxDuration > 0 && time.Since(c.start)+c.opts.Pause >= c.opts.MaxDuration {
		return false
	}
	select {
	case <-ctx.Done():
	case <-time.After(c.opts.Pause):
	}
	return true
}

// stopped says why no further batch may be begun; "" if one may.
func (c *memoryCollector) stopped(ctx context.Context) store.StopReason {
	switch {
	case ctx.Err() != nil:
		return store.StopSignal
	case c.opts.MaxDuration > 0 && c.report.Batches > 0 && time.Since(c.start) >= c.opts.MaxDuration:
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
