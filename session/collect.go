package session

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// collector says when expired rows are to be deleted next. It has no goroutine of its own: a table grows by the rows that
// are created, so whoever creates one starts a run if that is due. docs/decisions/collecting-by-itself.md says why.
type collector struct {
	last atomic.Pointer[run]
	ctx  context.Context // of all runs
	stop context.CancelFunc
}

// run is a run of the collector, or the time that stands for one.
type run struct {
	at     time.Time
	wait   float64 // until the next one, in intervals
	active bool
}

// begin lets the first run come after a part of an interval: processes that live for less than one collect too, if there
// are many, and those that start together do not do so together.
func (c *collector) begin() {
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.last.Store(&run{at: time.Now(), wait: 0.1 + 0.9*rand.Float64()})
}

// due reports whether a run is to begin now. It does so to one caller.
func (c *collector) due(interval time.Duration) bool {
	last := c.last.Load()
	if last.active || time.Since(last.at) < time.Duration(last.wait*float64(interval)) {
		return false
	}
	return c.last.CompareAndSwap(last, &run{active: true})
}

// done lets the next run come an interval after the start of this one, with some jitter so that processes part.
func (c *collector) done(start time.Time) {
	c.last.Store(&run{at: start, wait: mostRun + 0.2*rand.Float64()})
}

// mostRun is how long a run lasts at most, in intervals: on Postgres, it has to be at work for two thirds of the time if it
// is to keep up with whatever expires beside others.
const mostRun = 0.9

// collectSoon deletes expired rows in the background, if that is due and the store can.
func (m *Manager) collectSoon() {
	from, ok := m.store.(store.Collector)
	if !ok || m.config.CollectInterval <= 0 || !m.collector.due(m.config.CollectInterval) {
		return
	}
	if !m.hub.enter() {
		return // no run after a shutdown
	}
	go func() {
		defer m.work.Done()
		start := time.Now()
		defer m.collector.done(start)
		m.collect(from, start)
	}()
}

// collect does one run.
func (m *Manager) collect(from store.Collector, start time.Time) {
	most := time.Duration(mostRun * float64(m.config.CollectInterval))
	report, err := from.Collect(m.collector.ctx, store.CollectOptions{MaxDuration: most})
	m.report(m.collector.ctx, Observation{Op: OpCollect, Start: start, Err: err, Deleted: report.Deleted})
	switch {
	case err != nil && m.collector.ctx.Err() == nil:
		m.config.Logger.Warn("session: deleting expired sessions failed", "error", err)
	case report.Stopped == store.StopRefused:
		m.config.Logger.Warn("session: the database keeps expired sessions that were to be deleted", "remaining", report.Remaining)
	}
}
