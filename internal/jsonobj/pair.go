package jsonobj

// Pair returns the values of an object that has the members a and b, in either order, and no other. Both keys consist of
// characters that JSON does not escape. It allocates nothing, and reads on only while the object may still be such a pair.
func Pair(text []byte, a, b string) (ofA, ofB []byte, ok bool) {
	s := scanner{src: text}
	if s.space(); !s.take('{') {
		return nil, nil, false
	}
	s.space()
	first, is := s.memberOf(a, b)
	if !is {
		return nil, nil, false
	}
	ofFirst, read := s.memberValue()
	if !read || !s.take(',') {
		return nil, nil, false
	}
	s.space()
	other := b
	if first == b {
		other = a
	}
	if !s.takeKey(other) {
		return nil, nil, false
	}
	ofOther, read := s.memberValue()
	if !read || !s.take('}') || s.end() != nil {
		return nil, nil, false
	}
	if first == a {
		return ofFirst, ofOther, true
	}
	return ofOther, ofFirst, true
}

// memberOf reads one of two keys.
func (s *scanner) memberOf(a, b string) (key string, ok bool) {
	switch {
	case s.takeKey(a):
		return a, true
	case s.takeKey(b):
		return b, true
	}
	return "", false
}

// takeKey reads the quoted key if it comes next.
func (s *scanner) takeKey(key string) bool {
	rest := s.src[s.pos:]
	if len(rest) < len(key)+2 || rest[0] != '"' || string(rest[1:len(key)+1]) != key || rest[len(key)+1] != '"' {
		return false
	}
	s.pos += len(key) + 2
	return true
}

// memberValue reads a colon and a value, and the white space around them.
func (s *scanner) memberValue() (value []byte, ok bool) {
	if s.space(); !s.take(':') {
		return nil, false
	}
	s.space()
	start := s.pos
	if s.value(1) != nil {
		return nil, false
	}
	value = s.src[start:s.pos:s.pos]
	s.space()
	return value, true
}
