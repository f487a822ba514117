package store

import (
	"fmt"
	"slices"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// Base is the data that a row had at a version, as the connection that makes a Change has seen it.
type Base struct {
	Version int64
	data    jsonobj.Object
}

// NewBase returns a base of data that is scanned already.
func NewBase(version int64, data jsonobj.Object) *Base { return &Base{version, data} }

// ReadBase returns a base of data that a Load has returned.
func ReadBase(version int64, data []byte) (*Base, error) {
	obj, err := jsonobj.Scan(data)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return NewBase(version, obj), nil
}

// Exceeds reports whether the data are longer than limit, in bytes of text.
func (b *Base) Exceeds(limit int) bool { return b.data.Exceeds(limit) }

// Whole returns the data of a row after the change if the row has the version c.Base.Version before it, so that a store
// may write the whole text in the place of merging in the database. It reports false if the change has no base, if it has
// no entries, or if the result exceeds maxBytes; the row may have another version then, in which it fits.
func (c *Change) Whole(maxBytes int) (data []byte, ok bool) {
	if c.Base == nil || !c.HasData() {
		return nil, false
	}
	merged := c.Base.data.Merge(c.Clear, c.Set, c.deletions(c.Base.Version))
	if maxBytes > 0 && merged.Exceeds(maxBytes) {
		return nil, false
	}
	return merged.Append(nil), true
}

// deletions are the keys that are not in a row of this version after the change, unless it sets them.
func (c *Change) deletions(version int64) []string {
	if len(c.EndedEntries) == 0 || c.Base == nil || c.Base.Version != version {
		return c.Delete
	}
	return slices.Concat(c.Delete, c.EndedEntries)
}
