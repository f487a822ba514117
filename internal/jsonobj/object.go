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

// Map returns the object with each member's value as fn returns it, and without those that fn does not keep. If fn
// changes nothing, it is the object itself, and nothing is allocated.
func (o Object) Map(fn func(Member) (value []byte, keep bool)) Object {
	for i, m := range o.members {
		if value, keep := fn(m); !keep || !sameText(value, m.Value) {
			return o.mapFrom(i, fn)
		}
	}
	return o
}

// mapFrom is Map for an object of which the first n members stay as they are.
func (o Object) mapFrom(n int, fn func(Member) (value []byte, keep bool)) Object {
	out := Object{members: append(make([]Member, 0, len(o.members)), o.members[:n]...)}
	for _, m := range o.members[n:] {
		if value, keep := fn(m); keep {
			m.Value = value
			out.members = append(out.members, m)
		}
	}
	return out
}

// sameText reports whether two texts are the same part of the same memory.
func sameText(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
