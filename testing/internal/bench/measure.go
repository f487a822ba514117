package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// result is what was measured of one workload with so many callers.
type result struct {
	database, work string
	callers        int
	sides          []measured // the first is this library
}

// measured is one side's, a value for each round.
type measured struct {
	name string
	rate []float64 // per second
	p99  []time.Duration
}

// measure runs the rounds. In each, every side works for as long, and another one begins.
func (o *options) measure(ctx context.Context, w workload, sides []*side, callers int) (result, error) {
	r := result{work: w.name, callers: callers}
	var runners []*runner
	defer func() {
		for _, one := range runners {
			one.close()
		}
	}()
	for _, s := range sides {
		if !s.does(w) {
			continue
		}
		one, err := o.runner(ctx, w, s, callers)
		if err != nil {
			return r, fmt.Errorf("%s: %w", s.name, err)
		}
		runners = append(runners, one)
		r.sides = append(r.sides, measured{name: s.name})
	}
	for round := range o.rounds + 1 {
		for i := range runners {
			at := (i + round) % len(runners)
			each := o.each
			if round == 0 {
				each /= 4 // to warm up: not counted
			}
			rate, p99, err := runners[at].round(ctx, each)
			if err != nil {
				return r, fmt.Errorf("%s: %w", runners[at].name, err)
			}
			if round > 0 {
				r.sides[at].rate = append(r.sides[at].rate, rate)
				r.sides[at].p99 = append(r.sides[at].p99, p99)
			}
		}
	}
	return r, nil
}

// does reports whether the side has what a workload needs.
func (s *side) does(w workload) bool {
	if s.child != nil {
		return true
	}
	switch w.name {
	case "create", "destroy":
		return s.create != nil && s.load != nil
	}
	if w.http {
		return s.handler != nil
	}
	return s.load != nil
}

// runner lets callers do one side's work.
type runner struct {
	name  string
	child func(time.Duration) (answer, error) // does a round, where a process of its own has the side
	do    []func(context.Context) error       // one for each caller
	close func()
}

func (o *options) runner(ctx context.Context, w workload, s *side, callers int) (*runner, error) {
	if s.child != nil {
		return &runner{name: s.name, close: func() {}, child: func(each time.Duration) (answer, error) {
			return s.child.ask(order{w.name, callers, each})
		}}, nil
	}
	if w.http {
		return o.httpRunner(ctx, w, s, callers)
	}
	rows := o.rows
	if s.rows > 0 {
		rows = s.rows
	}
	r := &runner{name: s.name, close: func() {}}
	for range callers {
		r.do = append(r.do, func(ctx context.Context) error { return w.run(ctx, s, rows) })
	}
	return r, nil
}

// round has all callers work for the given time.
func (r *runner) round(ctx context.Context, each time.Duration) (rate float64, p99 time.Duration, err error) {
	if r.child != nil {
		a, err := r.child(each)
		return a.Rate, a.P99, err
	}
	var wg sync.WaitGroup
	taken, errs := make([][]time.Duration, len(r.do)), make([]error, len(r.do))
	start := time.Now()
	for i, do := range r.do {
		wg.Go(func() {
			last := start
			for first := true; first || errs[i] == nil && last.Sub(start) < each; first = false {
				before := time.Now()
				errs[i] = do(ctx)
				last = time.Now()
				taken[i] = append(taken[i], last.Sub(before))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(taken...)
	slices.Sort(all)
	return float64(len(all)) / elapsed.Seconds(), all[len(all)*99/100], errors.Join(errs...)
}

// median of an odd number of values is the middle one; of an even one, the lower of the two.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// ratios of the first side to another, round by round.
func (r *result) ratios(other int) []float64 {
	ratios := make([]float64, len(r.sides[0].rate))
	for i := range ratios {
		ratios[i] = r.sides[0].rate[i] / r.sides[other].rate[i]
	}
	return ratios
}

func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-18s %4d", r.database, r.work, r.callers)
	for i, s := range r.sides {
		fmt.Fprintf(&b, "  %s %.0f/s p99 %v", s.name, median(s.rate), median(s.p99).Round(time.Microsecond))
		if i > 0 {
			ratios := r.ratios(i)
			fmt.Fprintf(&b, " (×%.2f, %.2f–%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
		}
	}
	return b.String()
}
