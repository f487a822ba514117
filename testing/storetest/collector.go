package storetest

import (
	"context"
	"math"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func collectorRules() []rule {
	return []rule{
		{
			name: "a collector deletes what has expired", needs: Collector,
			text: "Collect deletes the expired rows and no others, and says how many.",
			test: collects,
		},
		{
			name: "a batch is no larger than it may be", needs: Collector,
			text: "No batch deletes more than Batch rows; Progress is called after each, with what was done so far.",
			test: collectsInBatches,
		},
		{
			name: "rows of one expiry are collected in batches too", needs: Collector,
			text: "More rows than a batch that have the same expiry are deleted in several batches, and all of them.",
			test: collectsTies,
		},
		{
			name: "expired rows are kept for a while", needs: Collector,
			text: "Rows that have been expired for less than Keep stay. They stay dead.",
			test: collectsAfterKeep,
		},
		{
			name: "a dry run deletes nothing", needs: Collector,
			text: "DryRun counts the expired rows in Remaining and deletes none.",
			test: collectsDry,
		},
		{
			name: "a collector stops between batches", needs: Collector,
			text: "When ctx ends, Collect stops after the batch at hand and returns what it did, Stopped \"signal\", and no error.",
			test: collectsUntilSignal,
		},
		{
			name: "a collector keeps to its time", needs: Collector,
			text: "After MaxDuration, and after one batch at least, Collect stops between batches with Stopped \"max-duration\".",
			test: collectsForDuration,
		},
		{
			name: "a collector pauses between batches", needs: Collector,
			text: "Pause comes between two batches, not after the last, and not if it would last beyond MaxDuration.",
			test: collectsWithPauses,
		},
		{
			name: "options that make no sense are refused", needs: Collector,
			text: "A negative Batch, Keep or MaxDuration, or a Batch above 100,000, is an error, and nothing is deleted.",
			test: refusesOptions,
		},
	}
}

func (e *env) collect(opts store.CollectOptions) store.CollectReport {
	e.Helper()
	st, ok := e.Store.(store.Collector)
	if !ok {
		return store.CollectReport{}
	}
	report, err := st.Collect(e.ctx, opts)
	e.must(err, "Collect")
	return report
}

func (e *env) collected(report store.CollectReport, deleted, remaining int64, stopped store.StopReason) {
	e.Helper()
	if report.Deleted != deleted || report.Remaining != remaining || report.Stopped != stopped {
		e.Errorf("got %+v, want %d deleted, %d remaining, stopped: %s", report, deleted, remaining, stopped)
	}
}

// fill creates n sessions, several at a time, so that some are of the same millisecond.
func (e *env) fill(n int, change store.Change) []store.Ref {
	e.Helper()
	refs := make([]store.Ref, n)
	e.parallel(8, func(w int) {
		for i := w; i < n; i += 8 {
			refs[i] = e.ref()
			if _, err := e.Store.Create(e.ctx, refs[i], change); err != nil {
				e.Errorf("Create: %v", err)
			}
		}
	})
	return refs
}

// left returns how many of the sessions still have a row: those that cannot be created.
func (e *env) left(refs []store.Ref) int {
	e.Helper()
	n := 0
	for _, ref := range refs {
		if _, err := e.Store.Create(e.ctx, ref, store.Change{}); err != nil {
			e.failed(err, store.ErrExists, ref, "Create")
			n++
		}
	}
	return n
}

func collects(e *env) {
	e.collected(e.collect(store.CollectOptions{}), 0, 0, store.StopDone)
	expired := e.fill(40, store.Change{})
	e.Advance(idle / 2)
	alive := e.fill(20, set("a", `1`))
	touched := e.fill(20, store.Change{})
	e.collected(e.collect(store.CollectOptions{}), 0, 0, store.StopDone)
	for _, ref := range touched[:10] {
		e.touch(ref)
	}
	e.Advance(idle / 2)
	e.collected(e.collect(store.CollectOptions{}), 40, 0, store.StopDone)
	for _, ref := range alive {
		e.holds(ref, `{"a":1}`)
	}
	for _, ref := range touched {
		e.load(ref)
	}
	if n := e.left(expired); n != 0 {
		e.Errorf("%d expired rows are left", n)
	}
}

func collectsInBatches(e *env) {
	const n, batch = 95, 10
	e.fill(n, store.Change{})
	e.Advance(idle)
	alive := e.fill(5, store.Change{})
	e.inBatches(n, batch)
	for _, ref := range alive {
		e.load(ref)
	}
}

// inBatches collects n expired rows and checks each step.
func (e *env) inBatches(n, batch int64) {
	e.Helper()
	var last store.CollectReport
	calls := 0
	report := e.collect(store.CollectOptions{Batch: int(batch), Progress: func(r store.CollectReport) {
		calls++
		if step := r.Deleted - last.Deleted; step < 0 || step > batch {
			e.Errorf("batch %d has deleted %d rows, allowed are %d", calls, step, batch)
		}
		last = r
	}})
	e.collected(report, n, 0, store.StopDone)
	if calls != report.Batches || int64(calls) < (n+batch-1)/batch || last.Deleted != n {
		e.Errorf("%d calls of Progress, the last with %d deleted; the report says %+v", calls, last.Deleted, report)
	}
}

func collectsTies(e *env) {
	const n, batch = 64, 5
	refs := e.fill(n, store.Change{})
	if e.Tie != nil {
		e.Tie()
	}
	e.Advance(idle)
	e.inBatches(n, batch)
	if left := e.left(refs); left != 0 {
		e.Errorf("%d expired rows are left", left)
	}
}

func collectsAfterKeep(e *env) {
	old := e.fill(10, store.Change{})
	e.Advance(idle)
	young := e.fill(7, store.Change{})
	e.Advance(idle)
	keep := store.CollectOptions{Keep: idle / 2}
	report := e.collect(keep)
	if report.Deleted != 10 || report.Stopped != store.StopDone {
		e.Errorf("got %+v, want 10 deleted", report)
	}
	for _, ref := range young {
		e.refuses(ref, store.ErrGone)
	}
	e.Advance(idle / 2)
	if report = e.collect(keep); report.Deleted != 7 {
		e.Errorf("got %+v, want 7 deleted", report)
	}
	if n := e.left(append(old, young...)); n != 0 {
		e.Errorf("%d expired rows are left", n)
	}
}

func collectsDry(e *env) {
	refs := e.fill(12, store.Change{})
	e.Advance(idle)
	e.fill(5, store.Change{})
	e.collected(e.collect(store.CollectOptions{DryRun: true}), 0, 12, store.StopDone)
	if n := e.left(refs); n != len(refs) {
		e.Errorf("a dry run has left %d of %d rows", n, len(refs))
	}
}

func collectsWithPauses(e *env) {
	ctx, cancel := context.WithTimeout(e.ctx, 20*time.Second) // which a pause would not
	defer cancel()
	collect := func(opts store.CollectOptions) store.CollectReport {
		opts.Pause = time.Hour
		report, err := e.Store.(store.Collector).Collect(ctx, opts)
		e.must(err, "Collect")
		return report
	}
	e.fill(4, store.Change{})
	e.Advance(idle)
	e.collected(collect(store.CollectOptions{Batch: 10}), 4, 0, store.StopDone)
	e.fill(10, store.Change{})
	e.Advance(idle)
	e.collected(collect(store.CollectOptions{Batch: 10}), 10, 0, store.StopDone)
	e.fill(40, store.Change{})
	e.Advance(idle)
	report := collect(store.CollectOptions{Batch: 10, MaxDuration: time.Hour / 2})
	if report.Batches != 1 || report.Deleted == 0 || report.Deleted > 10 || report.Stopped != store.StopMaxDuration {
		e.Errorf("one batch of ten in time, got %+v", report)
	}
}

func refusesOptions(e *env) {
	alive := e.fill(3, store.Change{})
	for _, opts := range []store.CollectOptions{
		{Batch: -1}, {Batch: 100_001}, {Batch: math.MaxInt}, {Keep: -2 * idle}, {Keep: math.MinInt64}, {MaxDuration: -1},
	} {
		if report, err := e.Store.(store.Collector).Collect(e.ctx, opts); err == nil || report.Deleted != 0 {
			e.Errorf("Collect with %+v: %+v, %v", opts, report, err)
		}
	}
	if n := e.left(alive); n != len(alive) {
		e.Errorf("%d of %d live sessions are left", n, len(alive))
	}
}

func collectsUntilSignal(e *env) {
	const n, batch = 60, 5
	e.fill(n, store.Change{})
	e.Advance(idle)
	ctx, cancel := context.WithCancel(e.ctx)
	defer cancel()
	calls := 0
	report, err := e.Store.(store.Collector).Collect(ctx, store.CollectOptions{
		Batch: batch, Pause: time.Millisecond,
		Progress: func(store.CollectReport) {
			if calls++; calls == 2 {
				cancel()
			}
		},
	})
	e.must(err, "Collect")
	if report.Stopped != store.StopSignal || report.Batches != 2 || report.Deleted > 2*batch {
		e.Errorf("stopped after two batches of %d: %+v", batch, report)
	}
	e.collected(e.collect(store.CollectOptions{}), n-report.Deleted, 0, store.StopDone)

	e.fill(3, store.Change{})
	e.Advance(idle)
	if report, _ := e.Store.(store.Collector).Collect(ctx, store.CollectOptions{}); report.Deleted != 0 {
		e.Errorf("with an ended context %d rows were deleted", report.Deleted)
	}
}

func collectsForDuration(e *env) {
	const n, batch = 60, 5
	e.fill(n, store.Change{})
	e.Advance(idle)
	report := e.collect(store.CollectOptions{Batch: batch, MaxDuration: time.Nanosecond})
	if report.Stopped != store.StopMaxDuration || report.Deleted < 1 || report.Deleted > 2*batch {
		e.Errorf("with no time at all: %+v", report)
	}
}
