package jsonobj

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects of one value may be nested.
const MaxDepth = 100

// Canonical appends the canonical form of the JSON text src: no white space; objects' keys sorted bytewise, of equal keys
// the last; strings with no escape but those JSON demands; integers of up to 40 digits as they are; other numbers as the
// shortest decimal of their float64, without an exponent; −0 as 0. It is the spelling in which Postgres prints the same
// jsonb, but for white space and the order of keys.
//
// What some database cannot hold is an error: U+0000, lone surrogates, invalid UTF-8, numbers beyond float64, more than
// MaxDepth levels. ErrTooLong is returned as soon as limit bytes do not suffice, and for more than eight times that of
// src, whatever its form; of equal keys each one counts.
func Canonical(dst, src []byte, limit int) ([]byte, error) {
	out := newOutput(dst, limit)
	if err := out.canonical(src, 0); err != nil {
		return nil, err
	}
	return out.text, nil
}

// canonical appends the JSON text src as a value that has depth levels around it.
func (o *output) canonical(src []byte, depth int) error {
	if err := o.open(len(src)); err != nil {
		return err
	}
	p := parser{output: o, src: src}
	p.space()
	if err := p.value(depth); err != nil {
		return err
	}
	if p.space(); p.pos != len(src) {
		return p.errorf("trailing data")
	}
	return nil
}

// parser reads JSON text and appends its canonical form to the output.
type parser struct {
	*output
	src []byte
	pos int
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", p.pos, fmt.Sprintf(format, args...))
}

func (p *parser) space() {
	for p.pos < len(p.src) {
		switch p.src[p.pos] {
		case ' ', '\t', '\n', '\r':
			p.pos++
		default:
			return
		}
	}
}

func (p *parser) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

func (p *parser) take(c byte) bool {
	if p.peek() != c || p.pos >= len(p.src) {
		return false
	}
	p.pos++
	return true
}

func (p *parser) value(depth int) error {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return p.errorf("nested more than %d levels deep", MaxDepth)
		}
		if c == '{' {
			return p.object(depth + 1)
		}
		return p.array(depth + 1)
	case c == '"':
		return p.string()
	case c == '-' || isDigit(c):
		return p.number()
	}
	for _, literal := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(p.src[p.pos:], []byte(literal)) {
			p.pos += len(literal)
			return p.literal(literal)
		}
	}
	return p.errorf("not a JSON value")
}

func (p *parser) array(depth int) error {
	p.pos++
	p.text = append(p.text, '[')
	for first := true; ; first = false {
		more, err := p.next(']', first)
		if err != nil {
			return err
		}
		if !more {
			return p.literal("]")
		}
		p.separator(first)
		if err := p.value(depth); err != nil {
			return err
		}
	}
}

// next reads what stands before an element, or the end of the list.
func (p *parser) next(end byte, first bool) (more bool, err error) {
	p.space()
	if p.take(end) {
		return false, nil
	}
	if first {
		return true, nil
	}
	if !p.take(',') {
		return false, p.errorf("expected a comma or the end of the list")
	}
	p.space()
	return true, nil
}

func (p *parser) object(depth int) error {
	p.pos++
	members := p.openObject()
	for first := true; ; first = false {
		more, err := p.next('}', first)
		if err != nil {
			return err
		}
		if !more {
			return p.closeObject(&members)
		}
		if err := p.member(&members, depth); err != nil {
			return err
		}
	}
}

func (p *parser) member(m *members, depth int) error {
	at := p.beginMember(m)
	if p.peek() != '"' {
		return p.errorf("expected a key")
	}
	if err := p.string(); err != nil {
		return err
	}
	if p.space(); !p.take(':') {
		return p.errorf("expected a colon")
	}
	p.endKey(m, at)
	p.space()
	if err := p.value(depth); err != nil {
		return err
	}
	p.endMember(at)
	return nil
}

func (p *parser) string() error {
	if n := plainString(p.src[p.pos:]); n > 0 {
		if err := p.room(n); err != nil {
			return err
		}
		p.text = append(p.text, p.src[p.pos:p.pos+n]...)
		p.pos += n
		return nil
	}
	text, next, err := appendUnquoted(p.spare[:0], p.src, p.pos)
	if err != nil {
		return err
	}
	p.pos, p.spare = next, text
	return p.decoded(text)
}

// plainString returns the length of the quoted string at the start of src if it is canonical as it stands, else 0.
func plainString(src []byte) int {
	end := endOfPlain(src, 1)
	if end == len(src) || src[end] != '"' || !utf8.Valid(src[1:end]) {
		return 0
	}
	return end + 1
}

func (p *parser) number() error {
	start := p.pos
	end, integer, err := scanNumber(p.src, p.pos)
	if err != nil {
		return err
	}
	p.pos = end
	return p.output.number(p.src[start:end], integer)
}
