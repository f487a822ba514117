package retry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestBackoff(t *testing.T) {
	b := Backoff{First: 10 * time.Millisecond, Most: 50 * time.Millisecond}
	for attempt, want := range []time.Duration{10, 10, 20, 40, 50, 50} {
		want *= time.Millisecond
		if got := b.middle(attempt); got != want {
			t.Errorf("attempt %d: %v, want %v", attempt, got, want)
		}
		for range 100 {
			if got := b.Before(attempt); got < want/2 || got > want+want/2 {
				t.Fatalf("attempt %d: %v is not near %v", attempt, got, want)
			}
		}
	}
	if got := (Backoff{First: time.Second}).middle(9); got != time.Second {
		t.Errorf("without Most: %v", got)
	}
	if got := b.middle(1 << 20); got != b.Most {
		t.Errorf("many attempts: %v", got)
	}
	if got := (Backoff{}).Before(3); got != 0 {
		t.Errorf("the zero Backoff waits %v", got)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		for _, d := range []time.Duration{time.Hour, time.Hour, 0, -1} {
			if err := Sleep(ctx, d); err != context.DeadlineExceeded {
				t.Errorf("Sleep = %v", err)
			}
		}
		if took := time.Since(begun); took != time.Second {
			t.Errorf("it slept for %v in a context of a second", took)
		}
	})
}

func TestWhile(t *testing.T) {
	busy, fatal := errors.New("busy"), errors.New("fatal")
	again := func(err error) bool { return err == busy }
	b := Backoff{First: time.Second, Most: time.Second}
	for name, c := range map[string]struct {
		answers []error
		limit   time.Duration
		wait    time.Duration // of the context, 0: none
		want    []error       // errors that the result matches
		calls   int
	}{
		"at once":            {[]error{nil}, 0, 0, nil, 1},
		"after two":          {[]error{busy, busy, nil}, 0, 0, nil, 3},
		"another error":      {[]error{busy, fatal, nil}, 0, 0, []error{fatal}, 2},
		"no time for more":   {[]error{busy, busy}, time.Millisecond, 0, []error{busy}, 1},
		"the context's end":  {[]error{busy, busy}, 0, time.Millisecond, []error{busy, context.DeadlineExceeded}, 1},
		"success beats time": {[]error{nil}, time.Nanosecond, time.Nanosecond, nil, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.wait > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.wait)
					defer cancel()
				}
				calls := 0
				err := While(ctx, c.limit, b, again, func() error { calls++; return c.answers[calls-1] })
				if calls != c.calls || (err == nil) != (c.want == nil) {
					t.Errorf("%d calls, %v", calls, err)
				}
				for _, want := range c.want {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
			})
		})
	}
}
