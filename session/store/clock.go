package store

import (
	"context"
	"time"
)

// Clock is implemented by stores whose clock can be read without a row. Without it, no entry ends before its session:
// what sets one in a session that has no row yet could not say when that is.
type Clock interface {
	// Now returns the clock by which the store decides what is expired, in UTC and whole milliseconds.
	Now(ctx context.Context) (time.Time, error)
}
