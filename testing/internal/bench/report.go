package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// report prints the table and, where a directory is named, writes the plots and the raw results.
func (o *options) report(results []result, w io.Writer) error {
	fmt.Fprintf(w, "\n%d sessions of %d bytes, %d rounds of %v a side, %d connections a pool; medians, and the ratio's spread.\n"+
		"Processor time is that of one operation, of this process and of the database's, in proportion to the other side's.\n\n",
		o.rows, o.sizes[0], o.rounds, o.each, o.pool)
	fmt.Fprintln(w, "| database | work | callers | sessions/s | p99 | beside | its rate/s | its p99 | ratio | spread | processor time |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|---|--:|--:|--:|---|--:|")
	for _, r := range results {
		if len(r.sides) == 1 {
			fmt.Fprintln(w, r.own()+" | | | | | |")
		}
		for i := range r.sides[1:] {
			fmt.Fprintln(w, r.row(i+1))
		}
	}
	if o.out == "" {
		return nil
	}
	return o.write(results)
}

// row compares the first side with another.
func (r *result) row(other int) string {
	theirs, ratios := r.sides[other], r.ratios(other)
	return r.own() + fmt.Sprintf(" %s | %.0f | %s | **%.2f** | %.2f–%.2f | %.2f |", theirs.name, median(theirs.rate), short(median(theirs.p99)),
		median(ratios), slices.Min(ratios), slices.Max(ratios), median(quotients(r.sides[0].processor(), theirs.processor())))
}

// own is how a row begins: with the first side.
func (r *result) own() string {
	mine := r.sides[0]
	return fmt.Sprintf("| %s | %s | %d | %.0f | %s |", r.database, r.work, r.callers, median(mine.rate), short(median(mine.p99)))
}

func short(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

func (o *options) write(results []result) error {
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	raw := map[string]*strings.Builder{}
	plots := map[string][]result{}
	for _, r := range results {
		name := r.database + " " + r.work
		plots[name] = append(plots[name], r)
		for _, s := range r.sides {
			if raw[s.name] == nil {
				raw[s.name] = &strings.Builder{}
			}
			s.benchmarks(raw[s.name], r)
		}
	}
	for side, text := range raw {
		if err := os.WriteFile(filepath.Join(o.out, side+".txt"), []byte(text.String()), 0o644); err != nil {
			return err
		}
	}
	for name, found := range plots {
		file := strings.NewReplacer(" ", "-", "/", "-").Replace(name) + ".svg"
		if err := os.WriteFile(filepath.Join(o.out, file), []byte(plot(name, found)), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// benchmarks writes a line for each round, as go test does, for benchstat.
func (m *measured) benchmarks(b *strings.Builder, r result) {
	name := strings.NewReplacer(" ", "-").Replace(r.database + "/" + r.work)
	for i := range m.rate {
		fmt.Fprintf(b, "Benchmark/%s/callers=%d 1 %.0f ns/op %d p99-ns/op\n", name, r.callers, 1e9/m.rate[i], m.p99[i].Nanoseconds())
	}
}
