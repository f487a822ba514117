package postgres

import "context"

// ownKey marks the contexts of asOwn.
type ownKey struct{}

// asOwn marks a context as that of what the store does for no one caller.
func asOwn(ctx context.Context) context.Context { return context.WithValue(ctx, ownKey{}, true) }

// ownContext is such a context, which never ends.
var ownContext = asOwn(context.Background())

// IsShared reports whether ctx, as a hook of the pool gets it, is that of a batch, which the store makes for several
// callers at once. It has no values of theirs. With a hook BeforeAcquire or PrepareConn there are no batches unless
// WithBatching enables them.
func IsShared(ctx context.Context) bool {
	shared, _ := ctx.Value(ownKey{}).(bool)
	return shared
}
