package store

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// Change is what a Save does to a row. It is a value: a store that cannot merge by itself calls Apply under a lock.
// The keys of Set and those in Delete are disjoint.
type Change struct {
	Clear  bool                       // remove every entry that the row holds, before Set
	Set    map[string]json.RawMessage // canonical values, as Set of a Session makes them
	Delete []string

	Rotate   *Hash          // the new secret's hash; RotatedAt becomes now
	Renew    bool           // CreatedAt becomes now, so that the absolute lifetime starts again
	Idle     *time.Duration // nil: leave; 0: back to the manager's
	Absolute *time.Duration // nil: leave; 0: back to the manager's

	Owner        *string      // nil: leave; "": none
	Tag          *string      // nil: leave; "": none
	Persistence  *Persistence // nil: leave
	Device       *[]byte      // nil: leave; empty: none
	Authenticate bool         // AuthenticatedAt becomes now

	// Extend writes an access as a touch does, due or not. If Renew, Idle or Absolute is set, the expiry is computed anew
	// in any case, and may become shorter. Otherwise a save leaves both times alone, so that no index entry is written.
	Extend bool

	// IfVersion makes the save conditional: ErrConflict unless it is the row's version. 0: unconditional.
	IfVersion int64

	// Base is what the connection has seen of the row's data. A store may use it, see Whole, or not.
	Base *Base

	// EndedEntries are the keys of entries that have ended. A change that has entries may remove them too, from a row that has
	// the version Base.Version and from no other: somebody may have set them anew.
	EndedEntries []string
}

// Saved is what a row says of itself after a write.
type Saved struct {
	Version    int64
	CreatedAt  time.Time
	AccessedAt time.Time
	ExpiresAt  time.Time
	Now        time.Time // the store's clock at the write

	// Folded is set if the store joined this change with others of the same row, so that Version counts them too.
	Folded bool

	// Ended names the sessions that an OwnerLimit ended.
	Ended []Handle
}

// Apply applies the change to a live record at the time now of the store's clock and raises its version. ErrConflict,
// ErrTooLarge, ErrCorrupt; the record is unchanged with any of them. It replaces r.Data and never writes into it. The
// owner's limit is not applied: that needs more than one record.
func (c *Change) Apply(r *Record, p Policy, now time.Time) error {
	if c.IfVersion != 0 && c.IfVersion != r.Version {
		return ErrConflict
	}
	data, err := c.merge(r, p.MaxBytes)
	if err != nil {
		return err
	}
	now = now.UTC().Truncate(time.Millisecond)
	r.Data = data
	r.Version++
	r.Now = now
	c.applyAttributes(r, now)
	if c.Rotate != nil {
		r.rotate(*c.Rotate, p.Grace, now)
	}
	c.applyExpiry(r, p, now)
	return nil
}

func (c *Change) applyAttributes(r *Record, now time.Time) {
	assign(&r.Owner, c.Owner)
	assign(&r.Tag, c.Tag)
	assign(&r.Persistence, c.Persistence)
	if c.Device != nil {
		r.Device = slices.Clone(*c.Device)
	}
	if c.Authenticate {
		r.AuthenticatedAt = now
	}
}

func assign[T any](dst *T, value *T) {
	if value != nil {
		*dst = *value
	}
}

// rotate gives the record a new secret's hash. The former ones stay while the last rotation is within its grace, else
// only the one that is replaced.
func (r *Record) rotate(next Hash, grace time.Duration, now time.Time) {
	former := []Hash{r.Hash}
	if now.Sub(r.RotatedAt) < grace {
		former = append(former, r.Former...)
	}
	r.Former = former[:min(len(former), MaxFormer)]
	r.Hash, r.RotatedAt = next, now
}

func (c *Change) applyExpiry(r *Record, p Policy, now time.Time) {
	assign(&r.Timeouts.Idle, c.Idle)
	assign(&r.Timeouts.Absolute, c.Absolute)
	if c.Renew {
		r.CreatedAt = now
	}
	switch {
	case c.Resets():
		r.AccessedAt, r.ExpiresAt = now, r.expiry(p.Timeouts, now)
	case c.Extend:
		r.AccessedAt, r.ExpiresAt = now, r.Extended(p, now)
	}
}

// Resets reports whether the change computes the expiry anew, so that it may become shorter.
func (c *Change) Resets() bool { return c.Renew || c.Idle != nil || c.Absolute != nil }

// HasData reports whether the change touches the session's entries.
func (c *Change) HasData() bool { return c.Clear || len(c.Set) > 0 || len(c.Delete) > 0 }

// HasAttributes reports whether the change touches anything else than the entries and, if Extend is set, the times of the
// last access and of the expiry.
func (c *Change) HasAttributes() bool {
	return c.Rotate != nil || c.Owner != nil || c.Tag != nil || c.Persistence != nil || c.Device != nil || c.Authenticate ||
		c.Resets()
}

// merge returns the record's data with the change's entries; the data itself if there are none.
func (c *Change) merge(r *Record, maxBytes int) ([]byte, error) {
	base, err := jsonobj.Scan(r.Data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if !c.HasData() {
		return r.Data, nil
	}
	merged := base.Merge(c.Clear, c.Set, c.deletions(r.Version))
	if maxBytes > 0 && merged.Exceeds(maxBytes) {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, maxBytes)
	}
	return merged.Append(nil), nil
}

// Then folds next into c, so that one Save of the result does what a Save of c followed by one of next would. It shares
// no map or slice with either. Neither may be conditional, and not both may rotate.
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
	replace(&out.Tag, next.Tag)
	replace(&out.Persistence, next.Persistence)
	replace(&out.Device, next.Device)
	out.Authenticate = c.Authenticate || next.Authenticate
	out.Base, out.EndedEntries = nil, nil
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

// Size returns the size of a session's data as Policy.MaxBytes counts it: the bytes of the JSON object as Postgres
// writes a jsonb, with one space after each comma and colon. Every store counts the same. It returns ErrCorrupt if data
// is no object.
func Size(data []byte) (int, error) {
	obj, err := jsonobj.Scan(data)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return obj.Size(), nil
}
