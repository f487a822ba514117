package postgres

import "context"

// ownKey marks the contexts of ownContext.
type ownKey struct{}

// ownContext is that of what the store does for no one caller.
var ownContext = context.WithValue(context.Background(), ownKey{}, true)

// IsShared reports whether ctx, as a hook of the pool gets it, is that of a batch, which the store makes for several
// callers at once. It has no values of theirs. With a hook BeforeAcquire or PrepareConn there are no batches unless
// WithBatching enables them.
func IsShared(ctx context.Context) bool {
	shared, _ := ctx.Value(ownKey{}).(bool)
	return shared
}
