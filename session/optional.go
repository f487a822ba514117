package session

import (
	"context"
	"fmt"
	"time"
)

// Locker is implemented by stores that can hold a row while Go decides what becomes of it. Modify uses it when
// conditional saves have lost several times; without it, Modify goes on trying.
type Locker interface {
	// SaveLocked loads the live row that ref names, keeps others from changing it while fn runs, and saves what fn
	// returns. An error of fn is returned as it is, and nothing is written; nor is it where fn panics, which leaves no lock.
	// fn must not call the store.
	SaveLocked(ctx context.Context, ref Ref, fn func(Record) (Change, error)) (Saved, error)
}

// Inspector is implemented by stores that can look at many rows in one statement. Without it, open sockets are checked
// with a Load each.
type Inspector interface {
	// Inspect returns the rows that exist among keys, live or not, in any order and without their Data.
	Inspect(ctx context.Context, keys []Handle) ([]Record, error)
}

// Toucher is implemented by stores that can touch many rows in statements of bounded size.
type Toucher interface {
	// TouchAll does what Touch does for each of refs; those that are gone are passed over. Stores lock rows in one order.
	TouchAll(ctx context.Context, refs []Ref) error
}

// Watcher is implemented by stores that hear of sessions that ended, in this process and, where the database can tell,
// in others.
type Watcher interface {
	// Watch calls fn for each event, from one goroutine at a time, until ctx ends; it then returns ctx.Err(). Where it
	// may have missed something (at its start, after a lost connection), it sends an Event of kind Missed. It recovers
	// from a failing database by itself. fn must return quickly.
	Watch(ctx context.Context, fn func(Event)) error
}

// Event is what a Watcher tells. Key is zero for Missed.
type Event struct {
	Kind EventKind
	Key  Handle
}

// EventKind says what happened to a session.
type EventKind uint8

// The kinds of events.
const (
	// Missed: something may have happened to any session; look.
	Missed EventKind = iota
	// Destroyed: a connection destroyed the session.
	Destroyed
	// Revoked: the session was ended from outside, by Revoke, an OwnerLimit or an operator.
	Revoked
	// Rotated: the session has a new secret.
	Rotated
	// Changed: the session's data changed. Sent only where the application opts in.
	Changed
)

// OwnerStore is implemented by stores that find sessions by their owner.
type OwnerStore interface {
	// ListOwner returns the live sessions of owner, newest first. Of Data they hold only the entries named by keys.
	// Hash is left zero.
	ListOwner(ctx context.Context, owner string, keys []string, p Policy) ([]Record, error)

	// Revoke deletes the sessions that which names, whatever their secret, and returns their handles. The zero Which names
	// none.
	Revoke(ctx context.Context, which Which) ([]Handle, error)
}

// Which names sessions to revoke: those for which every non-zero field but Except holds. Owner or Key must be set.
type Which struct {
	Owner  string
	Key    Handle
	Except Handle // this one stays
}

// OwnerLimit bounds how many live sessions an owner may have. It is applied, in one atomic step with the save, where a
// Change gives a row an owner that it did not have. Only an OwnerStore has to know it.
type OwnerLimit struct {
	Max       int  // 0: no limit
	EndOldest bool // end the oldest others (by CreatedAt) to make room; otherwise ErrOwnerLimit
}

// Collector is implemented by stores that delete expired rows.
type Collector interface {
	// Collect deletes rows that have been expired for opts.Keep, in batches along the expiry index. A session that is
	// alive is never deleted. Ending ctx stops it between batches: it then returns what it did, with Stopped "signal",
	// and no error. Options that make no sense are one, see CollectOptions.WithDefaults.
	Collect(ctx context.Context, opts CollectOptions) (CollectReport, error)
}

// CollectOptions has defaults for every zero field.
type CollectOptions struct {
	Batch       int           // rows a statement, default 500; at most 100,000
	Pause       time.Duration // between batches, below 0: none; default: one that makes way for others while they work
	MaxDuration time.Duration // stop after, but not before one batch; default: no limit
	Keep        time.Duration // how long an expired row is kept, default 0
	DryRun      bool          // count all that has expired, delete nothing
	NoLock      bool          // run even beside another collector; safe, but mostly a waste

	// Progress, where set, is called after each batch, from the collector's goroutine.
	Progress func(CollectReport)
}

// The default of CollectOptions.Batch, and the largest one.
const (
	defaultBatch = 500
	largestBatch = 100_000
)

// WithDefaults returns o with the default batch where it names none. An error where a number makes no sense: nothing is
// to be collected then. Stores begin Collect with it.
func (o CollectOptions) WithDefaults() (CollectOptions, error) {
	switch {
	case o.Batch < 0 || o.Batch > largestBatch:
		return o, fmt.Errorf("session: collect: a batch of %d: 1 to %d are possible", o.Batch, largestBatch)
	case o.Keep < 0:
		return o, fmt.Errorf("session: collect: to keep for %v is negative", o.Keep)
	case o.MaxDuration < 0:
		return o, fmt.Errorf("session: collect: a maximum duration of %v is negative", o.MaxDuration)
	case o.Batch == 0:
		o.Batch = defaultBatch
	}
	return o, nil
}

// CollectReport says what a collector did.
type CollectReport struct {
	Deleted   int64
	Remaining int64 // expired rows that are left, counted up to RemainingLimit
	Batches   int
	Duration  time.Duration
	Stopped   string // StopDone, StopMaxDuration, StopSignal or StopLocked
}

// RemainingLimit is the number at which a collector stops counting what is left.
const RemainingLimit = 100_000

// Why a collector stopped.
const (
	StopDone        = "done"
	StopMaxDuration = "max-duration"
	StopSignal      = "signal"
	StopLocked      = "locked" // another collector holds the lock; nothing was done
)
