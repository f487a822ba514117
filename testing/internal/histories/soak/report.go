package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// report is all that was seen.
type report struct {
	config
	start    time.Time
	broken   promises
	requests meter // since the last sample
	tellings meter // how long sockets took to hear of their session's end
	reads    atomic.Int64
	olds     atomic.Int64 // requests with tokens that must open nothing
	messages atomic.Int64 // of sockets
	kept     atomic.Int64 // increments that the sessions have at the end
	shed     atomic.Int64 // requests that were turned away
	idle     atomic.Int64 // requests that were not made, since the browsers that might have waited for others

	mu      sync.Mutex
	samples []sample
	events  []event
}

func newReport(c config) *report { return &report{config: c, start: time.Now()} }

func (r *report) sampled(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, s)
}

// happened notes an event that began at a time.
func (r *report) happened(e event, start time.Time) {
	e.At, e.Took = start.Sub(r.start), time.Since(start)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	_, _ = fmt.Fprintf(r.Log, "%6.0f s: %s: %s (%v)\n", e.At.Seconds(), e.Kind, e.Detail, e.Took.Round(time.Millisecond))
}

// count returns how often a kind of event has happened.
func (r *report) count(kind string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.events {
		if r.events[i].Kind == kind {
			n++
		}
	}
	return n
}

// write writes all files, of what there is so far.
func (r *report) write(dir string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(
		writeCSV(filepath.Join(dir, "samples.csv"), r.sampleRows()),
		writeCSV(filepath.Join(dir, "events.csv"), r.eventRows()),
		os.WriteFile(filepath.Join(dir, "soak.svg"), []byte(r.plot()), 0o644),
		os.WriteFile(filepath.Join(dir, "report.md"), []byte(r.markdown()), 0o644),
	)
}

func writeCSV(path string, rows [][]string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(csv.NewWriter(file).WriteAll(rows), file.Close())
}

func (r *report) sampleRows() [][]string {
	head := strings.Fields("second requests failed p50_ms p99_ms max_ms open_sockets connections table_bytes rows expired")
	for i := range r.config.Nodes {
		for _, what := range []string{"life", "memory_bytes", "goroutines", "sockets"} {
			head = append(head, fmt.Sprintf("node%d_%s", i, what))
		}
	}
	rows := [][]string{head}
	for i := range r.samples {
		s := &r.samples[i]
		row := texts(int64(s.At.Seconds()), s.Requests, s.Failed, milliseconds(s.P50), milliseconds(s.P99),
			milliseconds(s.Max), s.Open, s.Connections, s.TableBytes, s.Rows, s.Dead)
		for _, u := range s.Nodes {
			row = append(row, texts(u.Life, u.Memory, u.Goroutines, u.Sockets)...)
		}
		rows = append(rows, row)
	}
	return rows
}

func texts(values ...any) (out []string) {
	for _, v := range values {
		if f, ok := v.(float64); ok {
			v = fmt.Sprintf("%.2f", f)
		}
		out = append(out, fmt.Sprint(v))
	}
	return out
}

func (r *report) eventRows() [][]string {
	rows := [][]string{{"second", "kind", "seconds", "detail"}}
	for _, e := range r.events {
		rows = append(rows, texts(int64(e.At.Seconds()), e.Kind, e.Took.Seconds(), e.Detail))
	}
	return rows
}

// markdown says what it has come to.
func (r *report) markdown() string {
	var b strings.Builder
	total, failed := 0, 0
	for i := range r.samples {
		total, failed = total+r.samples[i].Requests, failed+r.samples[i].Failed
	}
	fmt.Fprintf(&b, "%v at %d requests/s, %d sockets, %d nodes, seed %d, begun %s\n\n", r.Duration, r.Rate, r.Sockets,
		r.config.Nodes, r.Seed, r.start.UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&b, "- %d requests, of which %d failed, and %d messages of sockets\n", total, failed, r.messages.Load())
	fmt.Fprintf(&b, "- %d requests turned away, since those of %d s were under way; they count as failed after %v\n",
		r.shed.Load(), waiting, patience)
	fmt.Fprintf(&b, "- %d requests not made, since hardly any browser had no other under way\n", r.idle.Load())
	fmt.Fprintf(&b, "- %d reads compared with what was acknowledged, %d requests with tokens that must open nothing\n",
		r.reads.Load(), r.olds.Load())
	fmt.Fprintf(&b, "- %d increments in the sessions at the end\n", r.kept.Load())
	r.times(&b)
	fmt.Fprintf(&b, "- **%d broken promises**\n", r.broken.n())
	for _, text := range r.broken.first {
		fmt.Fprintf(&b, "  - %s\n", text)
	}
	fmt.Fprintf(&b, "\n%s\n| in use | first third | last third | change | flat |\n|---|--:|--:|--:|---|\n", rule)
	for _, f := range r.flatness() {
		fmt.Fprintln(&b, f.row())
	}
	fmt.Fprint(&b, "\n| at | event | took | |\n|--:|---|--:|---|\n")
	for _, e := range r.events {
		if e.Kind != collected {
			fmt.Fprintf(&b, "| %.0f s | %s | %.1f s | %s |\n", e.At.Seconds(), e.Kind, e.Took.Seconds(), e.Detail)
		}
	}
	runs, failures, deleted := r.collections()
	fmt.Fprintf(&b, "\n%d runs of sessions-gc, of which %d failed, deleted %d rows.\n", runs, failures, deleted)
	return b.String()
}

// times says how long requests took, and sockets to be told.
func (r *report) times(b *strings.Builder) {
	var p50, p99 []float64
	worst := &sample{}
	for i := range r.samples {
		s := &r.samples[i]
		p50, p99 = append(p50, milliseconds(s.P50)), append(p99, milliseconds(s.P99))
		if s.P99 > worst.P99 {
			worst = s
		}
	}
	fmt.Fprintf(b, "- median of all samples: p50 %.1f ms, p99 %.1f ms; worst sample: p99 %.0f ms, at %.0f s\n",
		median(p50), median(p99), milliseconds(worst.P99), worst.At.Seconds())
	told := r.tellings.sorted()
	fmt.Fprintf(b, "- %d sockets heard of their session's end: after the answer to who ended it, within %.1f ms in the "+
		"median, %.1f s at most\n", len(told), milliseconds(quantile(told, 500)), quantile(told, 1000).Seconds())
}

func (r *report) collections() (runs, failures int, deleted int64) {
	for _, e := range r.events {
		if e.Kind == collected {
			runs++
			deleted += e.Count
			if e.Failed {
				failures++
			}
		}
	}
	return runs, failures, deleted
}
