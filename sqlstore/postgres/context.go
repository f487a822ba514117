package postgres

import "context"

// ownKey marks the contexts of ownContext.
type ownKey struct{}

// ownContext is that of what the store does for no one caller.
var ownContext = context.WithValue(context.Background(), ownKey{}, true)

// IsShared reports whether ctx, as a pool's hook gets it, is that of work which the store does for several callers at
// once or for none: a batch, or listening. It has no values of theirs. A hook that sets a connection up for the caller at
// hand, by what a request's context carries, has nothing to go by then.
func IsShared(ctx context.Context) bool {
	shared, _ := ctx.Value(ownKey{}).(bool)
	return shared
}
