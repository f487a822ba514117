package store

import "context"

// Locker is implemented by stores that can lock a session's row while Go decides what becomes of it. Modify uses it after
// several conditional saves have lost; without it, Modify retries those.
type Locker interface {
	// SaveLocked loads the live row that ref names, keeps other saves from changing it while fn runs, and saves the Change
	// that fn returns. If the row has changed all the same, fn is called again. Other sessions are not held up. An error of
	// fn is returned as it is, and nothing is written; if fn panics, nothing is written and no lock stays. fn must not call
	// the store.
	SaveLocked(ctx context.Context, ref Ref, fn func(Record) (Change, error)) (Saved, error)
}
