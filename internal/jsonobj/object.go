package jsonobj

import "slices"

// Object is a JSON object whose members' values are still JSON text. It is never changed once made; the zero Object is {}.
// It keeps the text that it was scanned from.
type Object struct {
	members []Member // sorted by key, each key once
}

// Member is one entry of an Object.
type Member struct {
	key   []byte // decoded
	quote []byte // as it stands in JSON
	Value []byte
}

// Key returns the member's key.
func (m Member) Key() string { return string(m.key) }

// Len returns the number of members.
func (o Object) Len() int { return len(o.members) }

// Members returns the members, sorted by key. They are not to be changed.
func (o Object) Members() []Member { return o.members }

// Get returns the JSON text of key's value.
func (o Object) Get(key string) ([]byte, bool) {
	low, high := 0, len(o.members)
	for low < high {
		mid := (low + high) / 2
		switch c := compareKey(o.members[mid].key, key); {
		case c == 0:
			return o.members[mid].Value, true
		case c < 0:
			low = mid + 1
		default:
			high = mid
		}
	}
	return nil, false
}

func compareKey(a []byte, b string) int {
	switch {
	case string(a) == b:
		return 0
	case string(a) < b:
		return -1
	}
	return 1
}

// Append appends the object as JSON text.
func (o Object) Append(dst []byte) []byte {
	size := 2
	for _, m := range o.members {
		size += len(m.quote) + len(m.Value) + 2
	}
	dst = append(slices.Grow(dst, size), '{')
	for i, m := range o.members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, m.quote...), ':'), m.Value...)
	}
	return append(dst, '}')
}

// Only returns the object's members of the given keys.
func (o Object) Only(keys []string) Object {
	var out Object
	for _, m := range o.members {
		if slices.Contains(keys, string(m.key)) {
			out.members = append(out.members, m)
		}
	}
	return out
}
