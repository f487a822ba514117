package store

import (
	"slices"
	"time"
)

// Record is a stored session. Times are those of the store's clock, in UTC and whole milliseconds.
type Record struct {
	Key        Handle
	Hash       Hash
	Data       []byte // a JSON object; not to be modified once returned
	Version    int64  // 1 after Create
	CreatedAt  time.Time
	AccessedAt time.Time // of the last access that was written: Create, Touch, or a Change that extends
	ExpiresAt  time.Time
	Now        time.Time // the store's clock when the record was read

	// The fields below have their zero value in most rows.

	Realm           string   // the policy's at Create; Load and Inspect may leave it empty
	Owner           string   // whose session it is
	Tag             string   // a second name to find it by
	Timeouts        Timeouts // set on this session; zero fields: the manager's
	Persistence     Persistence
	AuthenticatedAt time.Time // of the last Change with Authenticate
	RotatedAt       time.Time // of the last rotation
	Former          []Hash    // of the secrets from before RotatedAt, the latest first, at most MaxFormer
	Device          []byte    // what binds the session to a device; opaque to stores, at most 4096 bytes
}

// Persistence says whether a session's cookie outlives the browser.
type Persistence uint8

// The values of a Persistence.
const (
	DefaultPersistence Persistence = iota // as the manager's configuration says
	Persistent
	NonPersistent // the cookie ends with the browser
)

// MaxFormer is how many former hashes a record keeps. More than one is needed for rotations within one grace.
const MaxFormer = 4

// Open says whether ref opens the record at the time now of the store's clock: nil, or ErrGone, ErrExpired, ErrRotated or
// ErrReused. It is the rule for stores that hold records in memory or decide in Go.
func (r *Record) Open(ref Ref, now time.Time) error {
	switch {
	case !now.Before(r.End(ref.Policy)):
		return ErrExpired
	case r.Hash == ref.Hash:
		return nil
	case !slices.Contains(r.Former, ref.Hash):
		return ErrGone
	case now.Sub(r.RotatedAt) < ref.Policy.Grace:
		return ErrRotated
	}
	return ErrReused
}

// End is the instant from which the record is dead under the policy: the stored expiry, the absolute end if the
// configuration has become shorter since that was written, or the end of the policy's IdleLimit.
func (r *Record) End(p Policy) time.Time {
	end := r.ExpiresAt
	if absolute := r.Timeouts.Or(p.Timeouts).Absolute; absolute > 0 {
		end = earlier(end, r.CreatedAt.Add(absolute))
	}
	if p.IdleLimit > 0 {
		end = earlier(end, r.AccessedAt.Add(p.IdleLimit))
	}
	return end
}

// Extended returns the expiry that an access at now gives the record: now plus the idle timeout, bounded by the absolute
// one and never earlier than it is.
func (r *Record) Extended(p Policy, now time.Time) time.Time {
	return later(r.ExpiresAt, r.expiry(p.Timeouts, now))
}

func (r *Record) expiry(def Timeouts, now time.Time) time.Time {
	t := r.Timeouts.Or(def)
	if t.Absolute > 0 {
		return earlier(now.Add(t.Idle), r.CreatedAt.Add(t.Absolute))
	}
	return now.Add(t.Idle)
}

// TouchDue reports whether a Touch at the time now of the store's clock writes: if it moves the expiry by a step or more,
// or if the last access that was written is a step ago and the expiry moves at all, which it does by less near the
// absolute end, or the policy says to record accesses in any case.
func (r *Record) TouchDue(p Policy, now time.Time) bool {
	gain, step := r.Extended(p, now).Sub(r.ExpiresAt), r.Step(p)
	return gain > 0 && gain >= step || (gain > 0 || p.RecordAccess) && now.Sub(r.AccessedAt) >= step
}

// Step is the least time between two accesses that are written: the policy's, or the same share of an idle timeout that
// is the record's own, the shorter of the two if the policy says to record accesses.
func (r *Record) Step(p Policy) time.Duration {
	if r.Timeouts.Idle == 0 || p.Idle == 0 {
		return p.Step
	}
	own := time.Duration(float64(p.Step) / float64(p.Idle) * float64(r.Timeouts.Idle)).Truncate(time.Millisecond)
	if p.RecordAccess {
		return min(own, p.Step)
	}
	return own
}

// Touch writes an access at now into the record, and reports whether it was due.
func (r *Record) Touch(p Policy, now time.Time) bool {
	if !r.TouchDue(p, now) {
		return false
	}
	r.AccessedAt, r.ExpiresAt = now, r.Extended(p, now)
	return true
}

// Saved returns what a store's Save, Create or Touch answers for the record.
func (r *Record) Saved(now time.Time) Saved {
	return Saved{Version: r.Version, CreatedAt: r.CreatedAt, AccessedAt: r.AccessedAt, ExpiresAt: r.ExpiresAt, Now: now}
}

// NewRecord returns the record that Create inserts: version 1, created now, the change applied. Errors are those of
// Apply.
func NewRecord(ref Ref, change Change, now time.Time) (Record, error) {
	now = now.UTC().Truncate(time.Millisecond)
	r := Record{Key: ref.Key, Hash: ref.Hash, Realm: ref.Policy.Realm, Data: []byte("{}"), CreatedAt: now, Now: now}
	change.Renew = true
	return r, change.Apply(&r, ref.Policy, now)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
