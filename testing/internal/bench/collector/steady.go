package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// steady has so many sessions made each second that expire soon, a run of the collector begin at intervals, and loads and
// saves beside it all. It says how many expired rows there are over time, and how long calls take while a run goes on and
// while none does.
func (o *options) steady(ctx context.Context, w io.Writer) error {
	db, err := o.filled(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	if _, err := db.collect(ctx, store.CollectOptions{Pause: -1}); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.over)
	defer cancel()
	var runs collecting
	errs := make(chan error, 3)
	go func() { errs <- db.feed(ctx, o.rows, o.expiring) }()
	go func() { errs <- runs.repeat(ctx, db, o) }()
	go func() { errs <- watchBacklog(ctx, w, db, o.over/20) }()
	calls, err := db.foregroundBeside(ctx, o.rows, &runs.on)
	err = errors.Join(err, <-errs, <-errs, <-errs)
	for i, work := range []string{"load", "save"} {
		report(w, work, perSlice(calls[0][i]), perSlice(calls[1][i]))
	}
	fmt.Fprintf(w, "  %d runs deleted %d rows, %.0f rows/s while they went on, %.0f%% of the time\n", runs.n, runs.deleted,
		float64(runs.deleted)/runs.took.Seconds(), 100*runs.took.Seconds()/o.over.Seconds())
	return err
}

// collecting are runs of the collector with the default options, one after another.
type collecting struct {
	on      atomic.Bool
	n       int
	deleted int64
	took    time.Duration
}

// repeat begins a run at intervals, as a timer of the system would.
func (c *collecting) repeat(ctx context.Context, db *db, o *options) error {
	tick := time.NewTicker(o.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		c.on.Store(true)
		r, err := db.collect(ctx, store.CollectOptions{Batch: o.batch, Pause: o.pause})
		c.on.Store(false)
		if err != nil {
			return err
		}
		c.n, c.deleted, c.took = c.n+1, c.deleted+r.Deleted, c.took+r.Duration
	}
}

// watchBacklog writes how many expired rows there are.
func watchBacklog(ctx context.Context, w io.Writer, db *db, every time.Duration) error {
	begun := time.Now()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		n, err := db.backlog(context.WithoutCancel(ctx))
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "  after %v: %d expired rows\n", time.Since(begun).Round(time.Second), n)
	}
}

// slicesOf are the durations of calls, by the second in which they began.
type slicesOf map[int64][]time.Duration

// foregroundBeside is foreground with the calls apart that began while a run of the collector went on.
func (d *db) foregroundBeside(ctx context.Context, rows int, on *atomic.Bool) (calls [2][2]slicesOf, err error) {
	for i := range calls {
		calls[i] = [2]slicesOf{{}, {}}
	}
	errs := make(chan error, 2)
	for i, do := range d.work(ctx, rows) {
		go func() {
			var err error
			for err == nil && ctx.Err() == nil {
				beside := 0
				if on.Load() {
					beside = 1
				}
				start := time.Now()
				err = do()
				slice := calls[beside][i]
				slice[start.Unix()/10] = append(slice[start.Unix()/10], time.Since(start))
				time.Sleep(time.Millisecond)
			}
			errs <- err
		}()
	}
	return calls, errors.Join(<-errs, <-errs)
}

// perSlice are the p99 of ten seconds each, in their order, of those in which enough calls began.
func perSlice(calls slicesOf) (p []time.Duration) {
	var at []int64
	for slice, taken := range calls {
		if len(taken) > 100 {
			at = append(at, slice)
		}
	}
	slices.Sort(at)
	for _, slice := range at {
		p = append(p, p99(calls[slice]))
	}
	return p
}
