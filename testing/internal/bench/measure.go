package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
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
	name   string
	rate   []float64 // per second
	p99    []time.Duration
	busy   []float64 // processor time of the process, in µs for each operation
	served []float64 // and of the database's server
	made   []float64 // allocations of the process for each operation
}

// tally is what one round of one side comes to.
type tally struct {
	Rate   float64
	P99    time.Duration
	Busy   float64
	Served float64
	Made   float64
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
	add := func(w workload, s *side, name string) error {
		if !s.does(w.name) {
			return nil
		}
		one, err := o.runner(ctx, w, s, callers)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		one.name = name
		runners = append(runners, one)
		r.sides = append(r.sides, measured{name: name})
		return nil
	}
	for _, s := range sides {
		if err := add(w, s, s.name); err != nil {
			return r, err
		}
	}
	if w.beside != "" {
		if err := add(workloadOf(w.beside), sides[0], w.beside); err != nil {
			return r, err
		}
	}
	for round := range o.rounds + 1 {
		for i := range runners {
			at := (i + round) % len(runners)
			each := o.each
			if round == 0 {
				each /= 4 // to warm up: not counted
			}
			found, err := runners[at].round(ctx, each)
			if err != nil {
				return r, fmt.Errorf("%s: %w", runners[at].name, err)
			}
			if round > 0 {
				r.sides[at].add(found)
			}
		}
	}
	return r, nil
}

// processor is what both processes used.
func (m *measured) processor() []float64 {
	sum := make([]float64, len(m.busy))
	for i := range sum {
		sum[i] = m.busy[i] + m.served[i]
	}
	return sum
}

func (m *measured) add(t tally) {
	m.rate, m.p99, m.busy = append(m.rate, t.Rate), append(m.p99, t.P99), append(m.busy, t.Busy)
	m.made = append(m.made, t.Made)
	m.served = append(m.served, t.Served)
}

// does reports whether the side has what a workload needs.
func (s *side) does(work string) bool {
	if s.child != nil {
		a, err := s.child.ask(order{Work: work})
		return err != nil || !a.Lacks // an error is what the first round will meet, too
	}
	switch {
	case strings.HasPrefix(work, "http"):
		return s.handler != nil
	case work == "create", work == "destroy":
		return s.create != nil && s.load != nil
	}
	return s.load != nil
}

// runner lets callers do one side's work.
type runner struct {
	name   string
	child  func(time.Duration) (answer, error) // does a round, where a process of its own has the side
	do     []func(context.Context) error       // one for each caller
	server func() time.Duration
	close  func()
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
	r := &runner{name: s.name, close: func() {}, server: s.serverTime}
	for range callers {
		r.do = append(r.do, func(ctx context.Context) error { return w.run(ctx, s, rows) })
	}
	return r, nil
}

// round has all callers work for the given time.
func (r *runner) round(ctx context.Context, each time.Duration) (tally, error) {
	if r.child != nil {
		a, err := r.child(each)
		return a.tally, err
	}
	var wg sync.WaitGroup
	taken, errs := make([][]time.Duration, len(r.do)), make([]error, len(r.do))
	made, busy, served := allocations(), processorTime(), r.server()
	start := time.Now()
	ctx = context.WithoutCancel(ctx) // as a Manager's calls, and those of scs, of which nobody's leaving ends one
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
	made, busy, served = allocations()-made, processorTime()-busy, r.server()-served
	all := slices.Concat(taken...)
	slices.Sort(all)
	n := float64(len(all))
	return tally{n / elapsed.Seconds(), all[len(all)*99/100], busy.Seconds() * 1e6 / n, served.Seconds() * 1e6 / n, float64(made) / n}, errors.Join(errs...)
}

func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// processorTime is what this process has used, the server's half of a connection over the loopback included.
func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// median of an odd number of values is the middle one; of an even one, the lower of the two.
func median[T float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// ratios of the first side to another, round by round.
func (r *result) ratios(other int) []float64 {
	return quotients(r.sides[0].rate, r.sides[other].rate)
}

func quotients(mine, theirs []float64) []float64 {
	q := make([]float64, len(mine))
	for i := range q {
		q[i] = mine[i] / theirs[i]
	}
	return q
}

func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-8s %-18s %4d", r.database, r.work, r.callers)
	for i, s := range r.sides {
		fmt.Fprintf(&b, "  %s %.0f/s p99 %v cpu %.1f+%.1fµs allocs %.0f", s.name, median(s.rate), median(s.p99).Round(time.Microsecond), median(s.busy), median(s.served), median(s.made))
		if i > 0 {
			ratios := r.ratios(i)
			fmt.Fprintf(&b, " (×%.2f, %.2f–%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
			fmt.Fprintf(&b, " cpu ×%.2f", median(quotients(r.sides[0].processor(), s.processor())))
		}
	}
	return b.String()
}
