package store

import "time"

// Record is a stored session. Times are those of the store's clock, in UTC and whole milliseconds.
type Record struct {
	Key       Handle
	Hash      Hash
	RotatedAt time.Time // zero until the first rotation
	Data      []byte    // a JSON object; not to be modified once returned
	Version   int64     // 1 after Create
	Owner     string    // "" where there is none
	Timeouts  Timeouts  // set on this session; zero fields: the manager's
	CreatedAt time.Time // also moved by a renewal
	ExpiresAt time.Time
	Now       time.Time // the store's clock when the record was read
}

// Open says whether ref opens the record at the time now of the store's clock: nil, ErrGone, ErrExpired or ErrRotated.
// It is the rule for stores that hold records in memory or decide in Go.
func (r *Record) Open(ref Ref, now time.Time) error {
	switch {
	case !now.Before(r.End(ref.Policy)):
		return ErrExpired
	case r.Hash == ref.Hash:
		return nil
	case !r.RotatedAt.IsZero() && now.Sub(r.RotatedAt) < ref.Policy.Grace:
		return ErrRotated
	}
	return ErrGone
}

// End is the instant from which the record is dead: the stored expiry, or the absolute end where the configuration has
// become shorter since that was written.
func (r *Record) End(p Policy) time.Time {
	if absolute := r.Timeouts.Or(p.Timeouts).Absolute; absolute > 0 {
		return earlier(r.ExpiresAt, r.CreatedAt.Add(absolute))
	}
	return r.ExpiresAt
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

// Saved returns what a store's Save, Create or Touch answers for the record.
func (r *Record) Saved(now time.Time) Saved {
	return Saved{Version: r.Version, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt, Now: now}
}

// NewRecord returns the record that Create inserts: version 1, created now, the change applied. Errors as in Apply.
func NewRecord(ref Ref, change Change, now time.Time) (Record, error) {
	now = now.UTC().Truncate(time.Millisecond)
	r := Record{Key: ref.Key, Hash: ref.Hash, Data: []byte("{}"), CreatedAt: now, Now: now}
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

// TouchDue reports whether a Touch at the time now of the store's clock is worth a write: whether it gains the policy's
// step, or the same share of an idle timeout that is the record's own.
func (r *Record) TouchDue(p Policy, now time.Time) bool {
	gain := r.Extended(p, now).Sub(r.ExpiresAt)
	return gain > 0 && gain >= r.Step(p)
}

// Step is the least gain for which a touch writes: the policy's, or its share of a timeout that is the record's own.
func (r *Record) Step(p Policy) time.Duration {
	if r.Timeouts.Idle == 0 || p.Idle == 0 {
		return p.Step
	}
	return time.Duration(float64(p.Step) / float64(p.Idle) * float64(r.Timeouts.Idle))
}
