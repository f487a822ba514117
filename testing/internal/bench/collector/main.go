// Command collector measures the collector with its default options against one unbounded DELETE, on a table of which half
// the sessions are expired, and what loads and saves take beside it.
//
//	go run ./testing/internal/bench/collector -database-url postgres://postgres@127.0.0.1:5432/bench
//
// With -expiring 2000, so many sessions expire each second for ten minutes, and it says whether the collector keeps up.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/internal/bench/internal/database"
)

type options struct {
	url    string
	rows   int
	rounds int
	batch  int
	pause  time.Duration
	slice  time.Duration
	slices int

	expiring    float64
	over, every time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.url, "database-url", "sqlite:collector.db", "sqlite:`path` or postgres://…; its sessions are dropped")
	flag.IntVar(&o.rows, "rows", 1_000_000, "sessions, of which every second is expired")
	flag.IntVar(&o.rounds, "rounds", 3, "rounds")
	flag.IntVar(&o.batch, "batch", 0, "the collector's batch; 0: its default")
	flag.DurationVar(&o.pause, "pause", 0, "the collector's pause; 0: its default, below 0: none")
	flag.DurationVar(&o.slice, "slice", 10*time.Second, "how long loads and saves are measured with and without it in turn")
	flag.IntVar(&o.slices, "slices", 7, "how often, at most")
	flag.Float64Var(&o.expiring, "expiring", 0, "sessions that expire each second beside loads and saves, instead of all that")
	flag.DurationVar(&o.over, "over", 10*time.Minute, "how long they do")
	flag.DurationVar(&o.every, "every", time.Minute, "how often a run of the collector begins then")
	flag.Parse()
	if err := o.run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "collector:", err)
		os.Exit(1)
	}
}

func (o *options) run(ctx context.Context, w io.Writer) error {
	if o.slices < 1 || o.slice <= 0 {
		return fmt.Errorf("%d slices of %v measure nothing", o.slices, o.slice)
	}
	if o.expiring > 0 {
		return o.steady(ctx, w)
	}
	for round := range o.rounds {
		speed, err := o.alone(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "round %d: collector %.0f rows/s, one DELETE %.0f rows/s, ratio %.2f\n", round+1, speed[0], speed[1], speed[0]/speed[1])
		if err := o.beside(ctx, w); err != nil {
			return err
		}
	}
	return nil
}

// alone returns the speeds of the collector and of one DELETE on tables filled alike.
func (o *options) alone(ctx context.Context) (speed [2]float64, err error) {
	for i := range speed {
		db, err := o.filled(ctx)
		if err != nil {
			return speed, err
		}
		start := time.Now()
		var deleted int64
		if i == 0 {
			var report store.CollectReport
			report, err = db.collect(ctx, store.CollectOptions{Batch: o.batch, Pause: o.pause})
			deleted = report.Deleted
		} else {
			deleted, err = db.deleteAll(ctx)
		}
		speed[i] = float64(deleted) / time.Since(start).Seconds()
		if err == nil && deleted < int64(o.rows/2) {
			err = fmt.Errorf("deleted %d of %d", deleted, o.rows/2)
		}
		db.close()
		if err != nil {
			return speed, err
		}
	}
	return speed, nil
}

// beside measures loads and saves without the collector and while it runs, until it is done. Which of the two comes first
// changes from slice to slice, so that what the machine and the table go through by themselves falls on both. A p99 is
// one slice's, and the median of them counts: else the worst moment of the machine would be all that is seen.
func (o *options) beside(ctx context.Context, w io.Writer) error {
	db, err := o.filled(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	var without, with []taken
	var deleted, ran float64
	for n, stopped := 0, store.StopReason(""); n < o.slices && stopped != store.StopDone; n++ {
		quiet := func() error {
			ctx, cancel := context.WithTimeout(ctx, o.slice)
			defer cancel()
			without = append(without, taken{})
			return db.foreground(ctx, o.rows, &without[n])
		}
		busy := func() error {
			with = append(with, taken{})
			report, err := o.busy(ctx, db, &with[n])
			stopped = report.Stopped
			deleted, ran = deleted+float64(report.Deleted), ran+report.Duration.Seconds()
			return err
		}
		turns := []func() error{quiet, busy}
		if n%2 == 1 {
			slices.Reverse(turns)
		}
		for _, turn := range turns {
			if err := turn(); err != nil {
				return err
			}
		}
	}
	fmt.Fprintf(w, "  beside loads and saves %.0f rows/s\n", deleted/ran)
	for i, work := range []string{"load", "save"} {
		report(w, work, p99s(without, i), p99s(with, i))
	}
	return nil
}

// report writes the median of the slices' p99 and of their ratios.
func report(w io.Writer, work string, without, with []time.Duration) {
	pairs := min(len(without), len(with))
	ratios := make([]float64, pairs)
	for i := range ratios {
		ratios[i] = float64(with[i]) / float64(without[i])
	}
	if pairs == 0 {
		fmt.Fprintf(w, "  %s: too few calls\n", work)
		return
	}
	slices.Sort(ratios)
	fmt.Fprintf(w, "  %s p99 %v without the collector, %v beside it: ×%.2f (%.2f–%.2f in %d pairs)\n", work, median(without),
		median(with), median(ratios), ratios[0], ratios[pairs-1], pairs)
}

func p99s(all []taken, work int) []time.Duration {
	of := make([]time.Duration, len(all))
	for i := range all {
		of[i] = p99(all[i][work])
	}
	return of
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// busy runs the collector for a slice with loads and saves beside it.
func (o *options) busy(ctx context.Context, db *db, with *taken) (report store.CollectReport, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	collected := make(chan error, 1)
	go func() {
		var err error
		report, err = db.collect(ctx, store.CollectOptions{Batch: o.batch, Pause: o.pause, MaxDuration: o.slice})
		cancel()
		collected <- err
	}()
	err = db.foreground(ctx, o.rows, with)
	cancel()
	err = errors.Join(err, <-collected)
	return report, err
}

func p99(taken []time.Duration) time.Duration {
	if len(taken) == 0 {
		return 0
	}
	slices.Sort(taken)
	return taken[len(taken)*99/100]
}

// filled makes the table anew.
func (o *options) filled(ctx context.Context) (*db, error) {
	if err := database.Fresh(ctx, o.url); err != nil {
		return nil, err
	}
	store, done, err := database.Open(ctx, o.url)
	if err != nil {
		return nil, err
	}
	db := &db{store: store, done: done}
	if err := db.connect(ctx, o.url); err != nil {
		return db, err
	}
	return db, db.fill(ctx, o.rows)
}
