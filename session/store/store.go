package store

import (
	"context"
	"time"
)

// Store is the minimum that keeps sessions. All methods are safe for concurrent use, take the context first and honour
// its cancellation, and decide what is expired by the store's own clock, in whole milliseconds. A failure of the database
// is an error that matches none of this package's sentinels, never a missing session.
//
// What only some stores can do is an optional interface each: [Locker], [Inspector], [Toucher], [Watcher], [OwnerStore],
// [Collector]. testing/storetest is this contract as a test suite; docs/guide/custom-store.md builds a store in some 70 lines.
type Store interface {
	// Load returns the live session that ref names. ErrGone (or ErrExpired) where there is none, ErrRotated where the
	// row's secret is another one since less than ref.Policy.Grace, ErrCorrupt where its data is not a JSON object.
	Load(ctx context.Context, ref Ref) (Record, error)

	// Create inserts a session with version 1 and the change applied to an empty record. It never touches an existing
	// row: ErrExists, whether that row is alive or not. ErrTooLarge as in Save.
	Create(ctx context.Context, ref Ref, change Change) (Saved, error)

	// Save applies the change to the live row that ref names in one atomic step and raises its version by one. It
	// never brings a row into being. Errors are those of Load, and ErrConflict where change.IfVersion is not the row's
	// version, ErrTooLarge where the merged data exceeds ref.Policy.MaxBytes; nothing is written with any of them. A
	// session that has ended is ErrGone before it is ErrConflict; a change without entries is not refused for its size.
	// When it returns nil, the change is durable.
	Save(ctx context.Context, ref Ref, change Change) (Saved, error)

	// Touch extends the expiry of the live row that ref names to now plus the idle timeout, bounded by the absolute one,
	// and never shortens it. Where Record.TouchDue is false it may do nothing. Version and data stay. Errors as in Load,
	// except that a corrupt row may be touched. A touch need not survive a crash.
	Touch(ctx context.Context, ref Ref) (Saved, error)

	// Delete removes the row that ref names, corrupt or expired ones too. It is idempotent: a row that is not there is
	// no error. ErrRotated as in Load.
	Delete(ctx context.Context, ref Ref) error
}

// Ref names a session as one connection knows it, and the rules under which it asks. A store answers for a row only
// where both Key and Hash are the row's.
type Ref struct {
	Key    Handle
	Hash   Hash
	Policy Policy
}

// Policy is what the manager's configuration says; what a row says of itself (Record.Timeouts) goes before it.
type Policy struct {
	Timeouts               // for rows that have none of their own
	Step     time.Duration // the least gain for which a touch writes, where the idle timeout is this policy's
	Grace    time.Duration // how long after a rotation the old secret is answered with ErrRotated
	MaxBytes int           // of a session's data, see Size; 0: no limit
	Owner    OwnerLimit    // applies where a Change sets an owner
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
