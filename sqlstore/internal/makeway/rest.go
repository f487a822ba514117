// Package makeway says how a collector makes way for others: how much it deletes at a time, and how long it rests then.
package makeway

import "time"

const (
	// factor is how many times as long as a batch its rest is. A call that meets a batch, or has to wait until its log
	// has reached the disk, is slower by that; it shows in the p99 if more than one call in a hundred is.
	factor  = 400
	longest = 5 * time.Second

	// ahead is how many times as fast as the clock a collector works through the times at which rows have expired, at
	// least: so it catches up with a site, however many sessions end there.
	ahead = 1.5
)

// Rest returns how long to rest after a batch of that duration. expired is the time in which the deleted sessions have
// ended, if that is known: no rest is so long that more of them end in it.
func Rest(took, expired time.Duration) time.Duration {
	rest := min(factor*took, longest)
	if expired > 0 {
		rest = min(rest, available(expired)-took)
	}
	return max(0, rest)
}

// available is how much time there is for a batch and its rest.
func available(expired time.Duration) time.Duration { return time.Duration(float64(expired) / ahead) }

// InTime returns what there is of a rest in a run that began at started and ends after most, if that is above 0.
func InTime(rest time.Duration, started time.Time, most time.Duration) time.Duration {
	if most > 0 {
		rest = min(rest, most-time.Since(started))
	}
	return max(0, rest)
}
