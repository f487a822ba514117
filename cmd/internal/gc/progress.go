package gc

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// barEvery and logEvery are the least times between two outputs.
const (
	barEvery = 100 * time.Millisecond
	logEvery = 10 * time.Second
)

// countTime is how long a run waits for the number of rows that it has to delete.
const countTime = 2 * time.Second

// bar draws a line on a terminal over and over.
type bar struct {
	out   io.Writer
	total int64 // rows to delete, 0 if they were not counted
	drawn time.Duration
	any   bool
}

func newBar(out io.Writer) *bar { return &bar{out: out} }

// count counts how many rows there are to delete. It ends before the collector begins, which may find no connection
// free beside it, and stops if that takes long: the bar then shows a rate, and no time left.
func (b *bar) count(ctx context.Context, expired func(context.Context, time.Duration) (int64, error), keep time.Duration) {
	b.draw("counting what has expired")
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	if n, err := expired(ctx, keep); err == nil {
		b.total = n
	}
}

func (b *bar) show(r store.CollectReport) {
	if b.drawn > 0 && r.Duration-b.drawn < barEvery {
		return
	}
	b.drawn = r.Duration
	b.draw(b.line(r))
}

func (b *bar) draw(line string) {
	b.any = true
	_, _ = fmt.Fprintf(b.out, "\r\x1b[K%s", line)
}

func (b *bar) end() {
	if b.any {
		_, _ = io.WriteString(b.out, "\r\x1b[K")
	}
}

// line is the bar's text. More may expire after the count, so that it may be less than what was deleted.
func (b *bar) line(r store.CollectReport) string {
	const width = 30
	if b.total <= 0 {
		return fmt.Sprintf("deleted %d, %.0f/s", r.Deleted, rate(r))
	}
	total := max(b.total, r.Deleted)
	full := int(width * r.Deleted / total)
	return fmt.Sprintf("[%s%s] %3d%% %d of %d, %.0f/s, %s left", strings.Repeat("#", full), strings.Repeat(".", width-full),
		100*r.Deleted/total, r.Deleted, total, rate(r), timeLeft(r, total))
}

func rate(r store.CollectReport) float64 {
	return float64(r.Deleted) / max(r.Duration.Seconds(), 0.001)
}

func timeLeft(r store.CollectReport, total int64) time.Duration {
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

func (l *log) show(r store.CollectReport) {
	if r.Duration-l.last < logEvery {
		return
	}
	l.last = r.Duration
	_, _ = fmt.Fprintf(l.out, "%s: deleted %d in %s, %.0f/s\n", program, r.Deleted, r.Duration.Round(time.Second), rate(r))
}
