package jsonobj

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
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
