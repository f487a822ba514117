// Package retry waits between attempts, and repeats what may succeed later.
package retry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// Sleep waits for d or until ctx ends, and returns ctx.Err().
func Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 || ctx.Err() != nil {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return ctx.Err()
}

// Backoff is how long to wait between attempts: First, and twice as long after each attempt, at most Most. The zero Most
// is First. Each wait is random, between half and one and a half times as long, so that callers in conflict part.
type Backoff struct{ First, Most time.Duration }

// Before returns a random wait before the attempt-th repetition, the first being 1.
func (b Backoff) Before(attempt int) time.Duration {
	d := b.middle(attempt)
	return d/2 + rand.N(d+1)
}

// Pause is Sleep for Before(attempt).
func (b Backoff) Pause(ctx context.Context, attempt int) error { return Sleep(ctx, b.Before(attempt)) }

func (b Backoff) middle(attempt int) time.Duration {
	d := b.First
	for range attempt - 1 {
		if d >= b.Most {
			break
		}
		d *= 2
	}
	return max(b.First, min(d, b.Most))
}

// While calls fn until it returns nil or an error that again refuses, for limit at most if that is not zero. It returns
// what fn returned last; if ctx ended the attempts, the error matches ctx.Err() too.
func While(ctx context.Context, limit time.Duration, b Backoff, again func(error) bool, fn func() error) error {
	begun := time.Now()
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || !again(err) {
			return err
		}
		wait := b.Before(attempt)
		if limit > 0 && time.Since(begun)+wait > limit {
			return err
		}
		if ended := Sleep(ctx, wait); ended != nil {
			return fmt.Errorf("%w: %w", ended, err)
		}
	}
}
