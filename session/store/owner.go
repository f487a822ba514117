package store

import "context"

// OwnerStore is implemented by stores that find sessions by their owner.
type OwnerStore interface {
	// ListOwner returns the live sessions of owner, newest first. Data holds only the entries named by keys, and Hash is
	// zero.
	ListOwner(ctx context.Context, owner string, keys []string, p Policy) ([]Record, error)

	// Revoke deletes the selected sessions, whatever their secret, and returns their handles. The zero Selector selects
	// none.
	Revoke(ctx context.Context, selector Selector) ([]Handle, error)
}

// Selector selects sessions to revoke: those for which every non-zero field but Except holds. Owner or Key must be set.
type Selector struct {
	Owner  string
	Key    Handle
	Except Handle // is never selected
}

// OwnerLimit bounds how many live sessions an owner may have. It is applied, in one atomic step with the save, if a
// Change gives a row an owner that it did not have. Only an OwnerStore has to honour it.
type OwnerLimit struct {
	Max       int  // 0: no limit
	EndOldest bool // end the oldest others (by CreatedAt) to make room; otherwise ErrOwnerLimit
}
