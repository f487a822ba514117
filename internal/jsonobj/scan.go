package jsonobj

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

// scanDepth bounds what Scan follows in rows that others wrote.
const scanDepth = 1000

// Scan reads an object. The whole text is checked to be JSON, and nothing may follow it.
func Scan(text []byte) (Object, error) {
	s := scanner{src: text}
	s.space()
	if s.peek() != '{' {
		return Object{}, errors.New("not an object")
	}
	obj := Object{members: make([]Member, 0, expected(text))}
	err := s.object(0, func(m Member) { obj.members = append(obj.members, m) })
	if err != nil {
		return Object{}, err
	}
	if err := s.end(); err != nil {
		return Object{}, err
	}
	obj.normalize()
	return obj, nil
}

// expected is a guess at how many members an object has: enough for most, and never far too many.
func expected(text []byte) int {
	const most, small, look = 32, 24, 4096 // members, bytes of one, bytes that are looked at
	return min(bytes.Count(text[:min(len(text), look)], []byte{':'}), len(text)/small, most)
}

// normalize sorts the members and keeps the last of equal keys.
func (o *Object) normalize() {
	for i := 1; i < len(o.members); i++ {
		if bytes.Compare(o.members[i-1].key, o.members[i].key) >= 0 {
			o.members = sorted(o.members)
			return
		}
	}
}

// sorted sorts positions rather than members, which are large and full of pointers. Rows of Postgres, which puts short keys
// first, come here with each load.
func sorted(members []Member) []Member {
	var stack [64]int32
	order := stack[:0]
	for i := range members {
		order = append(order, int32(i))
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(bytes.Compare(members[a].key, members[b].key), cmp.Compare(a, b))
	})
	out := make([]Member, 0, len(members))
	for i, at := range order {
		if i+1 == len(order) || !bytes.Equal(members[at].key, members[order[i+1]].key) {
			out = append(out, members[at])
		}
	}
	return out
}
