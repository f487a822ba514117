package store

import "context"

// Inspector is implemented by stores that can read many rows in one statement. Without it, each session with an open
// socket is checked with a Load.
type Inspector interface {
	// Inspect returns the rows that exist among keys, live or not, in any order and without their Data.
	Inspect(ctx context.Context, keys []Handle) ([]Record, error)
}
