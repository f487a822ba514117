package jsonobj

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Merge returns an object with everything cleared, then the members of set put in, and those in del taken out. Keys
// of set must be valid UTF-8 without U+0000; values must be canonical.
func (o Object) Merge(clear bool, set map[string]json.RawMessage, del []string) Object {
	var base []Member
	if !clear {
		base = o.members
	}
	added := make([]Member, 0, len(set))
	for key, value := range set {
		added = append(added, Member{key: []byte(key), quote: Quote(make([]byte, 0, len(key)+2), key), Value: value})
	}
	slices.SortFunc(added, func(a, b Member) int { return bytes.Compare(a.key, b.key) })
	drop := slices.Clone(del)
	slices.Sort(drop)
	out := make([]Member, 0, len(base)+len(added))
	for len(base) > 0 || len(added) > 0 {
		order := -1
		if len(base) == 0 {
			order = 1
		} else if len(added) > 0 {
			order = bytes.Compare(base[0].key, added[0].key)
		}
		if order < 0 {
			if !contains(drop, base[0].key) {
				out = append(out, base[0])
			}
			base = base[1:]
			continue
		}
		if order == 0 {
			base = base[1:]
		}
		out = append(out, added[0])
		added = added[1:]
	}
	return Object{members: out}
}

func contains(sorted []string, key []byte) bool {
	_, found := slices.BinarySearchFunc(sorted, key, func(s string, k []byte) int { return strings.Compare(s, string(k)) })
	return found
}
