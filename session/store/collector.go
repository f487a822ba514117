package store

import (
	"context"
	"fmt"
	"time"
)

// Collector is implemented by stores that delete expired rows.
type Collector interface {
	// Collect deletes rows that have been expired for opts.Keep, in batches. It never deletes a live session. The end of
	// ctx stops it between batches: it then returns what it did, with StopSignal and no error. Options out of range are an
	// error, see CollectOptions.WithDefaults.
	Collect(ctx context.Context, opts CollectOptions) (CollectReport, error)
}

// CollectOptions are the options of Collect. The zero value is valid.
type CollectOptions struct {
	Batch       int           // rows a statement, default 500; at most 100,000
	Pause       time.Duration // between batches; negative: none; default: as long as other work on the table needs
	MaxDuration time.Duration // stop after, but not before one batch; default: no limit
	Keep        time.Duration // how long an expired row is kept, default 0
	DryRun      bool          // count all that has expired, delete nothing
	NoLock      bool          // run even beside another collector; safe, but mostly a waste

	// Progress, if set, is called after each batch, from the collector's goroutine.
	Progress func(CollectReport)
}

// The default of CollectOptions.Batch, and the largest one.
const (
	defaultBatch = 500
	largestBatch = 100_000
)

// WithDefaults returns o with the default batch if it names none, or an error if a field is out of range. Stores begin
// Collect with it.
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
	Stopped   StopReason
}

// RemainingLimit is the number at which a collector stops counting the rows that are left.
const RemainingLimit = 100_000

// StopReason says why a collector stopped.
type StopReason string

// The reasons for which a collector stops.
const (
	StopDone        StopReason = "done"
	StopMaxDuration StopReason = "max-duration"
	StopSignal      StopReason = "signal"
	StopLocked      StopReason = "locked"  // another collector holds the lock; nothing was done
	StopRefused     StopReason = "refused" // the database keeps expired rows, as row-level security can have it do
)
