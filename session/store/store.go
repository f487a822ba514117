package store

import (
	"context"
	"time"
)

// Store is the minimum that keeps sessions. All methods are safe for concurrent use, take the context first and honour
// its cancellation, and decide what is expired by the store's own clock, in whole milliseconds. A failure of the database
// is an error that matches none of this package's sentinels, never a missing session.
//
// What only some stores can do is an optional interface each: [Locker], [Inspector], [Toucher], [Watcher], [Finder],
// [Collector], [Clock]. testing/storetest is this contract as a test suite; docs/guide/custom-store.md builds a store
// in some 70 lines.
type Store interface {
	// Load returns the live session that ref names. ErrGone is returned if there is none, or more exactly ErrExpired;
	// ErrRotated if ref.Hash is a former one of the row, within ref.Policy.Grace after its last rotation, and ErrReused
	// after that; ErrCorrupt if the row's data is not a JSON object.
	Load(ctx context.Context, ref Ref) (Record, error)

	// Create inserts a session with version 1 and the change applied to an empty record. It never changes an existing
	// row: ErrExists is returned then, whether that row is alive or not. ErrTooLarge and ErrOwnerLimit are returned as
	// by Save.
	Create(ctx context.Context, ref Ref, change Change) (Saved, error)

	// Save applies the change to the live row that ref names in one atomic step and raises its version by one. It
	// never brings a row into being. Errors are those of Load, ErrConflict if change.IfVersion is not the row's version,
	// ErrTooLarge if the merged data exceeds ref.Policy.MaxBytes, and ErrOwnerLimit; nothing is written with any of them. A
	// session that has ended is ErrGone before it is ErrConflict; a change without entries is not refused for its size.
	// When it returns nil, the change is durable. A call that has returned an error changes the row no more once a later
	// call for the same row has returned nil.
	Save(ctx context.Context, ref Ref, change Change) (Saved, error)

	// Touch writes an access to the live row that ref names, if Record.TouchDue: AccessedAt becomes now, and ExpiresAt
	// now plus the idle timeout, bounded by the absolute one and never earlier than it was. Otherwise it writes nothing
	// and returns nil. Version and data stay. Errors are those of Load, except that a corrupt row may be touched. A
	// touch need not survive a crash.
	Touch(ctx context.Context, ref Ref) (Saved, error)

	// Delete removes the row that ref names, corrupt or expired ones too. It is idempotent: a row that is not there is
	// no error. ErrRotated is returned as by Load. If Delete returns nil, the row is not there, and no earlier call
	// brings it back: an error is returned if the database keeps the row.
	Delete(ctx context.Context, ref Ref) error
}

// Ref names a session as one connection knows it, with the policy of its manager. A store answers for a row only if both
// Key and Hash are the row's.
type Ref struct {
	Key    Handle
	Hash   Hash
	Policy Policy
}

// Policy is what the manager's configuration says. A row's own Timeouts go before the policy's.
type Policy struct {
	Timeouts               // for rows that have none of their own
	Step     time.Duration // the least time between two accesses that are written, if the idle timeout is this policy's
	Grace    time.Duration // how long after a rotation a former secret is answered with ErrRotated
	MaxBytes int           // of a session's data, see Size; 0: no limit
	Owner    OwnerLimit    // applies if a Change sets an owner

	// Realm is written to the row at Create and never changes. Owners, tags and limits of different realms are separate.
	Realm string

	// IdleLimit, if not zero, refuses with ErrExpired a session that was last accessed that long ago, although its expiry,
	// which other managers extend, is still to come. Collect does not know it.
	IdleLimit time.Duration

	// RecordAccess is set if some manager on the table has an IdleLimit.
	RecordAccess bool
}

// Timeouts are the two ends of a session: Idle after its last access, Absolute after its creation. In a Record, zero
// means that the manager's configuration holds.
type Timeouts struct {
	Idle, Absolute time.Duration
}

// Or returns t with the zero fields taken from def.
func (t Timeouts) Or(def Timeouts) Timeouts {
	if t.Idle == 0 {
		t.Idle = def.Idle
	}
	if t.Absolute == 0 {
		t.Absolute = def.Absolute
	}
	return t
}
