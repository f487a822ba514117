package makeway

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestRest(t *testing.T) {
	for _, c := range []struct{ took, expired, want time.Duration }{
		{time.Millisecond, 0, factor * time.Millisecond},
		{time.Minute, 0, longest},
		{time.Millisecond, time.Hour, factor * time.Millisecond},
		{time.Millisecond, 15 * time.Millisecond, 9 * time.Millisecond},
		{time.Second, 15 * time.Millisecond, 0},
	} {
		if got := Rest(c.took, c.expired); got != c.want {
			t.Errorf("after %v for what expired in %v: %v, want %v", c.took, c.expired, got, c.want)
		}
	}
}

func TestARestEndsWithItsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ rest, ago, most, want time.Duration }{
			{time.Second, time.Hour, 0, time.Second},
			{time.Second, time.Second, time.Minute, time.Second},
			{time.Minute, 59 * time.Second, time.Minute, time.Second},
			{time.Minute, time.Hour, time.Minute, 0},
		} {
			if got := InTime(c.rest, time.Now().Add(-c.ago), c.most); got != c.want {
				t.Errorf("%v, %v into a run of at most %v: %v, want %v", c.rest, c.ago, c.most, got, c.want)
			}
		}
	})
}

// A step grows while it is short and halves when it is long, and is never larger than a batch may be.
func TestStep(t *testing.T) {
	var s Step
	if got := s.Size(500); got != firstStep {
		t.Errorf("the first step has %d rows", got)
	}
	if got := new(Step).Size(10); got != 10 {
		t.Errorf("the first step of batches of 10 has %d rows", got)
	}
	s.Size(500)
	s.Adapt(firstStep, stepTime/4, 0)
	if got := s.Size(500); got != firstStep*3/2 {
		t.Errorf("after a short step: %d", got)
	}
	s.Adapt(1, 0, 0)
	if got := s.Size(500); got != firstStep*3/2 {
		t.Errorf("after a step that says nothing: %d", got)
	}
	for range 10 {
		s.Adapt(100, 2*stepTime, time.Hour)
	}
	if got := s.Size(500); got != leastStep {
		t.Errorf("after long steps: %d", got)
	}
	for range 20 {
		s.Adapt(s.Size(500), 2*stepTime, 10*stepTime)
	}
	if got := s.Size(500); got != 500 {
		t.Errorf("after steps that leave no time to rest: %d", got)
	}
}
