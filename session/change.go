package session

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/internal/jsonobj"
)

// Open says whether ref opens the record at the time now of the store's clock: nil, ErrGone, ErrExpired or ErrRotated.
// It is the rule for stores that hold records in memory or decide in Go.
func (r *Record) Open(ref Ref, now time.Time) error {
	switch {
	case !now.Before(r.end(ref.Policy.Timeouts)):
		return ErrExpired
	case r.Hash == ref.Hash:
		return nil
	case !r.RotatedAt.IsZero() && now.Sub(r.RotatedAt) < ref.Policy.Grace:
		return ErrRotated
	}
	return ErrGone
}

// end is the instant from which the record is dead: the stored expiry, or the absolute end where the configuration has
// become shorter since that was written.
func (r *Record) end(def Timeouts) time.Time {
	if absolute := r.Timeouts.or(def).Absolute; absolute > 0 {
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
	t := r.Timeouts.or(def)
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

// Apply applies the change to a live record at the time now of the store's clock and raises its version. ErrConflict,
// ErrTooLarge, ErrCorrupt; the record is unchanged with any of them. It replaces r.Data and never writes into it. The
// owner's limit is not applied: that needs more than one record.
func (c *Change) Apply(r *Record, p Policy, now time.Time) error {
	if c.IfVersion != 0 && c.IfVersion != r.Version {
		return ErrConflict
	}
	data, err := c.merge(r.Data, p.MaxBytes)
	if err != nil {
		return err
	}
	now = now.UTC().Truncate(time.Millisecond)
	r.Data = data
	r.Version++
	r.Now = now
	if c.Owner != nil {
		r.Owner = *c.Owner
	}
	if c.Rotate != nil {
		r.Hash, r.RotatedAt = *c.Rotate, now
	}
	c.applyExpiry(r, p, now)
	return nil
}

func (c *Change) applyExpiry(r *Record, p Policy, now time.Time) {
	if c.Idle != nil {
		r.Timeouts.Idle = *c.Idle
	}
	if c.Absolute != nil {
		r.Timeouts.Absolute = *c.Absolute
	}
	if c.Renew {
		r.CreatedAt = now
	}
	switch {
	case c.Resets():
		r.ExpiresAt = r.expiry(p.Timeouts, now)
	case c.Extend:
		r.ExpiresAt = r.Extended(p, now)
	}
}

// Resets reports whether the change computes the expiry anew, so that it may become shorter.
func (c *Change) Resets() bool { return c.Renew || c.Idle != nil || c.Absolute != nil }

// HasData reports whether the change touches the session's entries.
func (c *Change) HasData() bool { return c.Clear || len(c.Set) > 0 || len(c.Delete) > 0 }

// merge returns data with the change's entries; data itself where there are none.
func (c *Change) merge(data []byte, maxBytes int) ([]byte, error) {
	base, err := jsonobj.Scan(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if !c.HasData() {
		return data, nil
	}
	merged := base.Merge(c.Clear, c.Set, c.Delete)
	if maxBytes > 0 && merged.Exceeds(maxBytes) {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBytes)
	}
	return merged.Append(nil), nil
}

// Then folds next into c, so that one Save of the result does what a Save of c followed by one of next would. It shares
// no map or slice with either. Neither may be conditional.
func (c *Change) Then(next Change) Change {
	out := *c
	out.Set, out.Delete = foldEntries(c, &next)
	out.Clear = c.Clear || next.Clear
	out.Renew = c.Renew || next.Renew
	out.Extend = c.Extend || next.Extend
	replace(&out.Rotate, next.Rotate)
	replace(&out.Idle, next.Idle)
	replace(&out.Absolute, next.Absolute)
	replace(&out.Owner, next.Owner)
	return out
}

// entries are keys with the JSON text of their values.
type entries = map[string]json.RawMessage

func replace[T any](dst **T, next *T) {
	if next != nil {
		*dst = next
	}
}

func foldEntries(c, next *Change) (set entries, del []string) {
	if next.Clear {
		return maps.Clone(next.Set), slices.Clone(next.Delete)
	}
	set = maps.Clone(c.Set)
	del = slices.DeleteFunc(slices.Clone(c.Delete), func(key string) bool { _, ok := next.Set[key]; return ok })
	for key, value := range next.Set {
		if set == nil {
			set = entries{}
		}
		set[key] = value
	}
	for _, key := range next.Delete {
		delete(set, key)
		if !slices.Contains(del, key) {
			del = append(del, key)
		}
	}
	return set, del
}

// Size returns the size of a session's data as Policy.MaxBytes counts it: the bytes of the JSON object as Postgres writes
// a jsonb, with one space after each comma and colon. Every store counts the same. ErrCorrupt where data is no object.
func Size(data []byte) (int, error) {
	obj, err := jsonobj.Scan(data)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return obj.Size(), nil
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
	return gain > 0 && gain >= r.step(p)
}

// step is the least gain for which a touch writes: the policy's, or its share of a timeout that is the record's own.
func (r *Record) step(p Policy) time.Duration {
	if r.Timeouts.Idle == 0 || p.Idle == 0 {
		return p.Step
	}
	return time.Duration(float64(p.Step) / float64(p.Idle) * float64(r.Timeouts.Idle))
}
