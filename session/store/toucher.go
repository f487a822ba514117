package store

import "context"

// Toucher is implemented by stores that can touch many rows in statements of bounded size.
type Toucher interface {
	// TouchAll does what Touch does for each of refs, and skips those that are gone. Stores lock rows in one order.
	TouchAll(ctx context.Context, refs []Ref) error
}
