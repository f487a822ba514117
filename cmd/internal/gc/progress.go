package gc

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session"
)

// barEvery and logEvery are the least times between two outputs.
const (
	barEvery = 100 * time.Millisecond
	logEvery = 10 * time.Second
)

// bar draws a line on a terminal over and over.
type bar struct {
	out   io.Writer
	total atomic.Int64 // rows to delete, 0 until they are counted
	drawn time.Duration
	any   bool
}

func newBar(out io.Writer) *bar { return &bar{out: out} }

// count counts beside the collector how many rows there are to delete, and returns what ends the counting.
func (b *bar) count(ctx context.Context, store *opened, keep time.Duration) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if n, err := store.expired(ctx, keep); err == nil { // without a total there is a rate, but no end in sight
			b.total.Store(n)
		}
	}()
	return func() { cancel(); <-done }
}

func (b *bar) show(r session.CollectReport) {
	if b.any && r.Duration-b.drawn < barEvery {
		return
	}
	b.drawn, b.any = r.Duration, true
	_, _ = fmt.Fprintf(b.out, "\r\x1b[K%s", b.line(r))
}

func (b *bar) end() {
	if b.any {
		_, _ = io.WriteString(b.out, "\r\x1b[K")
	}
}

// line is the bar's text. The count ran beside the collector, so that it may be less than what was deleted.
func (b *bar) line(r session.CollectReport) string {
	const width = 30
	total := b.total.Load()
	if total <= 0 {
		return fmt.Sprintf("deleted %d, %.0f/s, counting what is left", r.Deleted, rate(r))
	}
	total = max(total, r.Deleted)
	full := int(width * r.Deleted / total)
	return fmt.Sprintf("[%s%s] %3d%% %d of %d, %.0f/s, %s left", strings.Repeat("#", full), strings.Repeat(".", width-full),
		100*r.Deleted/total, r.Deleted, total, rate(r), timeLeft(r, total))
}

func rate(r session.CollectReport) float64 {
	return float64(r.Deleted) / max(r.Duration.Seconds(), 0.001)
}

func timeLeft(r session.CollectReport, total int64) time.Duration {
	if r.Deleted == 0 {
		return 0
	}
	return time.Duration(float64(r.Duration) / float64(r.Deleted) * float64(total-r.Deleted)).Round(time.Second)
}

// log writes a line now and then.
type log struct {
	out  io.Writer
	last time.Duration
}

func newLog(out io.Writer) *log { return &log{out: out} }

func (l *log) show(r session.CollectReport) {
	if r.Duration-l.last < logEvery {
		return
	}
	l.last = r.Duration
	_, _ = fmt.Fprintf(l.out, "%s: deleted %d in %s, %.0f/s\n", program, r.Deleted, r.Duration.Round(time.Second), rate(r))
}
