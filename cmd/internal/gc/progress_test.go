package gc

import (
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

func TestBarLine(t *testing.T) {
	report := session.CollectReport{Deleted: 250, Duration: 10 * time.Second}
	for _, c := range []struct {
		what  string
		total int64
		want  string
	}{
		{"before the count is there", 0, "deleted 250, 25/s, counting what is left"},
		{"a quarter", 1000, "[#######.......................]  25% 250 of 1000, 25/s, 30s left"},
		{"more deleted than counted", 200, "[##############################] 100% 250 of 250, 25/s, 0s left"},
	} {
		var b bar
		b.total.Store(c.total)
		if got := b.line(report); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
}

func TestLogLinesNowAndThen(t *testing.T) {
	var out strings.Builder
	l := newLog(&out)
	for second := range 25 {
		l.show(session.CollectReport{Deleted: int64(second), Duration: time.Duration(second) * time.Second})
	}
	want := "sessions-gc: deleted 10 in 10s, 1/s\nsessions-gc: deleted 20 in 20s, 1/s\n"
	if out.String() != want {
		t.Errorf("it logs %q, want %q", out.String(), want)
	}
}
