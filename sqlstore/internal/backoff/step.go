package backoff

import "time"

// stepTime is how long a step of a collector may take that others meet.
const stepTime = time.Millisecond

// The sizes of a step, in rows: the first one, and the least.
const (
	firstStep = 50
	leastStep = 25
)

// Step is how many rows a collector deletes at a time beside others, so that it takes about stepTime. The zero value is
// the first one.
type Step struct{ size int }

// Size returns the size, which is no larger than largest.
func (s *Step) Size(largest int) int {
	if s.size == 0 {
		s.size = firstStep
	}
	return min(s.size, largest)
}

// Adapt sets the size of the next step by how long one of so many rows took.
func (s *Step) Adapt(rows int, took time.Duration) {
	switch {
	case took > stepTime:
		s.size = max(s.size/2, leastStep)
	case took < stepTime/2 && rows > s.size/2:
		s.size = min(s.size*3/2, 10_000)
	}
}
