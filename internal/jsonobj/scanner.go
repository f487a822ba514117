package jsonobj

import "fmt"

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

// peek returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// take reads c, which is not 0, if it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// end checks that nothing but white space follows.
func (s *scanner) end() error {
	if s.space(); s.pos != len(s.src) {
		return s.errorf("trailing data")
	}
	return nil
}

// word reads null, true or false.
func (s *scanner) word() (string, error) {
	for _, word := range [...]string{"null", "true", "false"} {
		if len(s.src)-s.pos >= len(word) && string(s.src[s.pos:s.pos+len(word)]) == word {
			s.pos += len(word)
			return word, nil
		}
	}
	return "", s.errorf("not a JSON value")
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
	_, err := s.word()
	return err
}

// object checks an object and, if keep is set, passes each member to it.
func (s *scanner) object(depth int, keep func(Member)) error {
	return s.list('}', func() error {
		if err := s.beforeKey(); err != nil {
			return err
		}
		start := s.pos
		if err := s.string(); err != nil {
			return err
		}
		quote := s.src[start:s.pos:s.pos]
		if err := s.colon(); err != nil {
			return err
		}
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
		if more, err := s.next(end, first); err != nil || !more {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// next reads what stands before an element, or the end of the list.
func (s *scanner) next(end byte, first bool) (more bool, err error) {
	s.space()
	if s.take(end) {
		return false, nil
	}
	if first {
		return true, nil
	}
	if !s.take(',') {
		return false, s.errorf("expected a comma or the end of the list")
	}
	s.space()
	return true, nil
}

func (s *scanner) beforeKey() error {
	if s.peek() != '"' {
		return s.errorf("expected a key")
	}
	return nil
}

// colon reads what stands between a key and its value.
func (s *scanner) colon() error {
	if s.space(); !s.take(':') {
		return s.errorf("expected a colon")
	}
	s.space()
	return nil
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
