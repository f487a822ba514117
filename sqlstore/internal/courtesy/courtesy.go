// Package courtesy says how long a collector rests where others are at work.
package courtesy

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

const (
	// factor is how many times as long as a batch its rest is. Whoever meets a batch, or has to wait until its log has
	// reached the disk, is slower by that; a p99 feels it where more than one call in a hundred does.
	factor  = 400
	longest = 5 * time.Second
)

// Rest returns how long to rest after a batch that took so long, in a run that began at started.
func Rest(took time.Duration, started time.Time, o store.CollectOptions) time.Duration {
	rest := min(factor*took, longest)
	if o.MaxDuration > 0 {
		rest = min(rest, o.MaxDuration-time.Since(started))
	}
	return max(0, rest)
}
