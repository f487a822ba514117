package jsonobj

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// scanDepth bounds what Scan follows in rows that others wrote.
const scanDepth = 1000

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
	if s.space(); s.pos != len(text) {
		return Object{}, fmt.Errorf("at byte %d: trailing data", s.pos)
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

// Merge returns an object with everything cleared, then the members of set put in, and those in del taken out. Keys of
// set must be valid UTF-8 without U+0000; values must be canonical.
func (o Object) Merge(clear bool, set map[string]json.RawMessage, del []string) Object {
	var base []Member
	if !clear {
		base = o.members
	}
	added := make([]Member, 0, len(set))
	for key, value := range set {
		k := []byte(key)
		quote, _ := AppendQuoted(make([]byte, 0, len(k)+2), k)
		added = append(added, Member{key: k, quote: quote, Value: value})
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

// Size is the object's length as Postgres prints a jsonb: with one space after each comma and each colon.
func (o Object) Size() int {
	size := 2
	for i, m := range o.members {
		if i > 0 {
			size += 2
		}
		size += len(m.quote) + 2 + spacedLen(m.Value)
	}
	return size
}

// Exceeds reports whether Size is more than limit, mostly without counting every comma.
func (o Object) Exceeds(limit int) bool {
	compact := 2
	for _, m := range o.members {
		compact += len(m.quote) + len(m.Value) + 4
	}
	// Each space of Size follows a comma or colon that is counted here.
	if 2*compact <= limit {
		return false
	}
	return o.Size() > limit
}

// spacedLen is a value's length without the white space it may have, and with a space after each comma and colon.
func spacedLen(value []byte) int {
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		return len(value)
	}
	n := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case ' ', '\t', '\n', '\r':
		case ',', ':':
			n += 2
		case '"':
			end := skipString(value, i)
			n += end - i
			i = end - 1
		default:
			n++
		}
	}
	return n
}

// skipString returns the position after the valid string at src[i].
func skipString(src []byte, i int) int {
	for i++; src[i] != '"'; i++ {
		if src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// scanner checks JSON text without making anything of it.
type scanner struct {
	src []byte
	pos int
}

func (s *scanner) errorf(text string) error { return fmt.Errorf("at byte %d: %s", s.pos, text) }

func (s *scanner) space() {
	for ; s.pos < len(s.src); s.pos++ {
		if c := s.src[s.pos]; c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
			return
		}
	}
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case depth > scanDepth:
		return s.errorf("nested too deep")
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.string()
	case c == '-' || isDigit(c):
		end, _, err := scanNumber(s.src, s.pos)
		s.pos = max(s.pos, end)
		return err
	}
	for _, literal := range [...]string{"null", "true", "false"} {
		if len(s.src)-s.pos >= len(literal) && string(s.src[s.pos:s.pos+len(literal)]) == literal {
			s.pos += len(literal)
			return nil
		}
	}
	return s.errorf("not a JSON value")
}

// object checks an object and, where keep is set, passes each member to it.
func (s *scanner) object(depth int, keep func(Member)) error {
	return s.list('}', func() error {
		start := s.pos
		if s.peek() != '"' {
			return s.errorf("expected a key")
		}
		if err := s.string(); err != nil {
			return err
		}
		quote := s.src[start:s.pos:s.pos]
		if s.space(); s.peek() != ':' {
			return s.errorf("expected a colon")
		}
		s.pos++
		s.space()
		start = s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if keep != nil {
			keep(Member{key: Unquote(quote), quote: quote, Value: s.src[start:s.pos:s.pos]})
		}
		return nil
	})
}

func (s *scanner) array(depth int) error {
	return s.list(']', func() error { return s.value(depth + 1) })
}

// list checks what stands between a bracket and its end, calling element for each.
func (s *scanner) list(end byte, element func() error) error {
	s.pos++
	for first := true; ; first = false {
		s.space()
		if s.peek() == end && s.pos < len(s.src) {
			s.pos++
			return nil
		}
		if !first {
			if s.peek() != ',' {
				return s.errorf("expected a comma or the end of the list")
			}
			s.pos++
			s.space()
		}
		if err := element(); err != nil {
			return err
		}
	}
}

func (s *scanner) string() error {
	for i := endOfPlain(s.src, s.pos+1); i < len(s.src); i = endOfPlain(s.src, i) {
		switch s.src[i] {
		case '"':
			s.pos = i + 1
			return nil
		case '\\':
			n, err := escapeLen(s.src[i:])
			if err != nil {
				return err
			}
			i += n
		default:
			return s.errorf("control character in a string")
		}
	}
	return s.errorf("string without an end")
}

// escapeLen checks an escape as JSON has it; lone surrogates pass, since a row that others wrote may hold them.
func escapeLen(src []byte) (int, error) {
	if len(src) >= 2 && src[1] == 'u' {
		if _, ok := hex4(src); ok {
			return 6, nil
		}
	}
	_, n, err := unescape(src)
	return n, err
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
