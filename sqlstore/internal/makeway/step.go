package makeway

import "time"

const (
	// stepTime is how long a step of a collector may hold up others.
	stepTime = time.Millisecond / 2
	// share is the part of the time that steps may take if their rests are short to keep up. What a step costs beside its
	// rows makes small ones the larger part of a database's work otherwise.
	share = 10
)

// The sizes of a step, in rows: the first one, and the least.
const (
	firstStep = 50
	leastStep = 25
)

// Step is how many rows a collector deletes at a time beside others, so that it takes about stepTime, or more if the
// rests would else be too short. The zero value is the first one.
type Step struct{ size int }

// Size returns the size, which is no larger than largest.
func (s *Step) Size(largest int) int {
	if s.size == 0 {
		s.size = firstStep
	}
	s.size = min(s.size, largest)
	return s.size
}

// Adapt sets the size of the next step by how long one of so many rows took. expired is the time in which their
// sessions have ended; see Rest.
func (s *Step) Adapt(rows int, took, expired time.Duration) {
	full := rows > s.size/2
	switch {
	case expired > 0 && took > available(expired)/share:
		if full {
			s.size += s.size / 2
		}
	case took > stepTime:
		s.size = max(s.size/2, leastStep)
	case took < stepTime/2 && full:
		s.size += s.size / 2
	}
}
