package gc

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func TestBarLine(t *testing.T) {
	report := store.CollectReport{Deleted: 250, Duration: 10 * time.Second}
	for _, c := range []struct {
		what  string
		total int64
		want  string
	}{
		{"without a count", 0, "deleted 250, 25/s"},
		{"a quarter", 1000, "[#######.......................]  25% 250 of 1000, 25/s, 30s left"},
		{"more deleted than counted", 200, "[##############################] 100% 250 of 250, 25/s, 0s left"},
	} {
		b := bar{total: c.total}
		if got := b.line(report); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestCountingIsOverBeforeTheCollectorBegins(t *testing.T) {
	begun := time.Now()
	b := newBar(io.Discard)
	b.count(t.Context(), func(ctx context.Context, _ time.Duration) (int64, error) {
		<-ctx.Done()
		return 7, ctx.Err()
	}, 0)
	if took := time.Since(begun); b.total != 0 || took < countTime || took > time.Minute {
		t.Errorf("after %v the total is %d", took, b.total)
	}
}

func TestLogLinesNowAndThen(t *testing.T) {
	var out strings.Builder
	l := newLog(&out)
	for second := range 25 {
		l.show(store.CollectReport{Deleted: int64(second), Duration: time.Duration(second) * time.Second})
	}
	want := "sessions-gc: deleted 10 in 10s, 1/s\nsessions-gc: deleted 20 in 20s, 1/s\n"
	if out.String() != want {
		t.Errorf("it logs %q, want %q", out.String(), want)
	}
}
