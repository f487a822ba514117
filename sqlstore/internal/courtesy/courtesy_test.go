package courtesy

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func TestRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ took, ago, most, want time.Duration }{
			{time.Millisecond, time.Hour, 0, factor * time.Millisecond},
			{time.Minute, time.Hour, 0, longest},
			{time.Millisecond, time.Second, time.Minute, factor * time.Millisecond},
			{time.Minute, 59 * time.Second, time.Minute, time.Second},
			{time.Minute, time.Hour, time.Minute, 0},
		} {
			got := Rest(c.took, time.Now().Add(-c.ago), store.CollectOptions{MaxDuration: c.most})
			if got != c.want {
				t.Errorf("after %v, %v into a run of at most %v: %v, want %v", c.took, c.ago, c.most, got, c.want)
			}
		}
	})
}
