package jsonobj

import "unicode/utf8"

// MaxDepth is how deep arrays and objects of one value may be nested.
const MaxDepth = 100

const tooDeep = "nested more than 100 levels deep"

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
	p := parser{o, scanner{src: src}}
	p.space()
	if err := p.value(depth); err != nil {
		return err
	}
	return p.end()
}

// parser reads JSON text and appends its canonical form to the output.
type parser struct {
	*output
	scanner
}

func (p *parser) value(depth int) error {
	switch c := p.peek(); {
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return p.errorf(tooDeep)
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
	word, err := p.word()
	if err != nil {
		return err
	}
	return p.literal(word)
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
	if err := p.beforeKey(); err != nil {
		return err
	}
	if err := p.string(); err != nil {
		return err
	}
	if err := p.colon(); err != nil {
		return err
	}
	p.endKey(m, at)
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
