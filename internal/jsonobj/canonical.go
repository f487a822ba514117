// Package jsonobj has what sessions need of JSON text: one canonical spelling of a value that every database keeps, and
// objects whose members are found without decoding them.
package jsonobj

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects of one value may be nested.
const MaxDepth = 100

// maxDigits of an integer are kept exactly; longer ones become float64.
const maxDigits = 40

// Canonical appends the canonical form of the JSON text src: no white space; objects' keys sorted bytewise, of equal keys
// the last; strings with no escape but those JSON demands; integers of up to 40 digits as they are; other numbers as the
// shortest decimal of their float64, without an exponent; −0 as 0. It is the spelling in which Postgres prints the same
// jsonb, but for white space and the order of keys.
//
// What some database cannot hold is an error: U+0000, lone surrogates, invalid UTF-8, numbers beyond float64, more than
// MaxDepth levels.
func Canonical(dst, src []byte) ([]byte, error) {
	e := encoder{src: src, out: dst}
	e.space()
	if err := e.value(0); err != nil {
		return nil, err
	}
	if e.space(); e.pos != len(src) {
		return nil, e.errorf("trailing data")
	}
	return e.out, nil
}

type encoder struct {
	src     []byte
	pos     int
	out     []byte
	scratch []byte // the text of a string with escapes
}

func (e *encoder) errorf(format string, args ...any) error {
	return fmt.Errorf("at byte %d: %s", e.pos, fmt.Sprintf(format, args...))
}

func (e *encoder) space() {
	for e.pos < len(e.src) {
		switch e.src[e.pos] {
		case ' ', '\t', '\n', '\r':
			e.pos++
		default:
			return
		}
	}
}

func (e *encoder) peek() byte {
	if e.pos < len(e.src) {
		return e.src[e.pos]
	}
	return 0
}

func (e *encoder) take(c byte) bool {
	if e.peek() != c || e.pos >= len(e.src) {
		return false
	}
	e.pos++
	return true
}

func (e *encoder) value(depth int) error {
	switch c := e.peek(); {
	case c == '{' || c == '[':
		if depth == MaxDepth {
			return e.errorf("nested more than %d levels deep", MaxDepth)
		}
		if c == '{' {
			return e.object(depth + 1)
		}
		return e.array(depth + 1)
	case c == '"':
		return e.string()
	case c == '-' || isDigit(c):
		return e.number()
	}
	for _, literal := range []string{"null", "true", "false"} {
		if bytes.HasPrefix(e.src[e.pos:], []byte(literal)) {
			e.pos += len(literal)
			e.out = append(e.out, literal...)
			return nil
		}
	}
	return e.errorf("not a JSON value")
}

func (e *encoder) array(depth int) error {
	e.pos++
	e.out = append(e.out, '[')
	for first := true; ; first = false {
		more, err := e.next(']', first)
		if err != nil {
			return err
		}
		if !more {
			e.out = append(e.out, ']')
			return nil
		}
		if err := e.value(depth); err != nil {
			return err
		}
	}
}

// next takes what stands before an element, or the end of the list.
func (e *encoder) next(end byte, first bool) (more bool, err error) {
	e.space()
	if e.take(end) {
		return false, nil
	}
	if first {
		return true, nil
	}
	if !e.take(',') {
		return false, e.errorf("expected a comma or the end of the list")
	}
	e.out = append(e.out, ',')
	e.space()
	return true, nil
}

// member is where one "key":value stands in the output.
type member struct{ start, colon, end int }

func (e *encoder) object(depth int) error {
	e.pos++
	e.out = append(e.out, '{')
	start, sorted := len(e.out), true
	var stack [16]member
	members := stack[:0]
	for first := true; ; first = false {
		more, err := e.next('}', first)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		m, err := e.member(depth)
		if err != nil {
			return err
		}
		if n := len(members); n > 0 && sorted {
			sorted = compareKeys(e.key(members[n-1]), e.key(m)) < 0
		}
		members = append(members, m)
	}
	if !sorted {
		e.sort(start, members)
	}
	e.out = append(e.out, '}')
	return nil
}

func (e *encoder) member(depth int) (m member, err error) {
	m.start = len(e.out)
	if e.peek() != '"' {
		return m, e.errorf("expected a key")
	}
	if err := e.string(); err != nil {
		return m, err
	}
	m.colon = len(e.out)
	if e.space(); !e.take(':') {
		return m, e.errorf("expected a colon")
	}
	e.out = append(e.out, ':')
	e.space()
	err = e.value(depth)
	m.end = len(e.out)
	return m, err
}

func (e *encoder) key(m member) []byte { return e.out[m.start:m.colon] }

// sort writes the members that stand from start on again, in order, of equal keys the last.
func (e *encoder) sort(start int, members []member) {
	slices.SortStableFunc(members, func(a, b member) int { return compareKeys(e.key(a), e.key(b)) })
	text := make([]byte, 0, len(e.out)-start)
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(e.key(m), e.key(members[i+1])) {
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, e.out[m.start:m.end]...)
	}
	e.out = append(e.out[:start], text...)
}

// compareKeys orders quoted canonical keys as their decoded forms are ordered.
func compareKeys(a, b []byte) int {
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Compare(a[1:len(a)-1], b[1:len(b)-1])
	}
	return bytes.Compare(Unquote(a), Unquote(b))
}

func (e *encoder) string() error {
	if n := plainString(e.src[e.pos:]); n > 0 {
		e.out = append(e.out, e.src[e.pos:e.pos+n]...)
		e.pos += n
		return nil
	}
	text, next, err := appendUnquoted(e.scratch[:0], e.src, e.pos)
	if err != nil {
		return err
	}
	e.pos, e.scratch = next, text
	e.out, err = AppendQuoted(e.out, text)
	return err
}

// plainString returns the length of the quoted string at the start of src where it is canonical as it stands, else 0.
func plainString(src []byte) int {
	end := endOfPlain(src, 1)
	if end == len(src) || src[end] != '"' || !utf8.Valid(src[1:end]) {
		return 0
	}
	return end + 1
}

func (e *encoder) number() error {
	start := e.pos
	end, integer, err := scanNumber(e.src, e.pos)
	if err != nil {
		return err
	}
	e.pos = end
	out, err := appendNumber(e.out, e.src[start:end], integer)
	e.out = out
	return err
}

func appendNumber(dst, text []byte, integer bool) ([]byte, error) {
	if digits := bytes.TrimPrefix(text, []byte("-")); integer && len(digits) <= maxDigits {
		if string(text) == "-0" {
			text = text[1:]
		}
		return append(dst, text...), nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return dst, errors.New("number beyond the range of float64")
	}
	return AppendFloat(dst, f)
}

// AppendFloat appends the canonical form of f. Infinities and NaN are an error.
func AppendFloat(dst []byte, f float64) ([]byte, error) {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return dst, fmt.Errorf("%v is not a JSON number", f)
	}
	if f == 0 {
		return append(dst, '0'), nil
	}
	return strconv.AppendFloat(dst, f, 'f', -1, 64), nil
}

// endOfPlain returns the first position from i on that holds a quote, a backslash or a control character, or len(src).
func endOfPlain(src []byte, i int) int {
	for i < len(src) {
		if c := src[i]; c < 0x20 || c == '"' || c == '\\' {
			break
		}
		i++
	}
	return i
}

const hexDigits = "0123456789abcdef"

// AppendQuoted appends the canonical JSON string of text. U+0000 and invalid UTF-8 are an error.
func AppendQuoted(dst, text []byte) ([]byte, error) {
	if !utf8.Valid(text) {
		return dst, errors.New("invalid UTF-8")
	}
	dst = append(dst, '"')
	done := 0
	for i, c := range text {
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		if c == 0 {
			return dst, errors.New("U+0000 in a string")
		}
		dst = append(dst, text[done:i]...)
		dst = appendEscaped(dst, c)
		done = i + 1
	}
	return append(append(dst, text[done:]...), '"'), nil
}

func appendEscaped(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendUnquoted appends the text of the JSON string that starts at src[pos] and returns the position after it.
func appendUnquoted(dst, src []byte, pos int) ([]byte, int, error) {
	for i := pos + 1; i < len(src); {
		switch c := src[i]; {
		case c == '"':
			return dst, i + 1, nil
		case c == '\\':
			r, n, err := unescape(src[i:])
			if err != nil {
				return nil, 0, fmt.Errorf("at byte %d: %w", i, err)
			}
			dst = utf8.AppendRune(dst, r)
			i += n
		case c < 0x20:
			return nil, 0, fmt.Errorf("at byte %d: control character in a string", i)
		default:
			dst = append(dst, c)
			i++
		}
	}
	return nil, 0, fmt.Errorf("at byte %d: string without an end", pos)
}

// unescape decodes the escape at the start of src and returns its length.
func unescape(src []byte) (rune, int, error) {
	if len(src) < 2 {
		return 0, 0, errors.New("string without an end")
	}
	switch c := src[1]; c {
	case '"', '\\', '/':
		return rune(c), 2, nil
	case 'b':
		return '\b', 2, nil
	case 'f':
		return '\f', 2, nil
	case 'n':
		return '\n', 2, nil
	case 'r':
		return '\r', 2, nil
	case 't':
		return '\t', 2, nil
	case 'u':
		return unescapeUnicode(src)
	}
	return 0, 0, errors.New("unknown escape in a string")
}

func unescapeUnicode(src []byte) (rune, int, error) {
	r, ok := hex4(src)
	if !ok {
		return 0, 0, errors.New(`\u without four hexadecimal digits`)
	}
	if !utf16.IsSurrogate(r) {
		return r, 6, nil
	}
	low, ok := hex4(src[6:])
	if pair := utf16.DecodeRune(r, low); ok && pair != utf8.RuneError {
		return pair, 12, nil
	}
	return 0, 0, errors.New("lone surrogate in a string")
}

func hex4(src []byte) (rune, bool) {
	if len(src) < 6 || src[0] != '\\' || src[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range src[2:6] {
		d := bytes.IndexByte([]byte(hexDigits), c|0x20)
		if d < 0 || c < '0' {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}

// scanNumber returns the end of the JSON number at src[pos], and whether it is spelled as an integer.
func scanNumber(src []byte, pos int) (end int, integer bool, err error) {
	i := pos
	if i < len(src) && src[i] == '-' {
		i++
	}
	intStart := i
	i = digits(src, i)
	if i == intStart || (src[intStart] == '0' && i > intStart+1) {
		return 0, false, fmt.Errorf("at byte %d: not a number", pos)
	}
	integer = true
	if i < len(src) && src[i] == '.' {
		fraction := i + 1
		if i = digits(src, fraction); i == fraction {
			return 0, false, fmt.Errorf("at byte %d: not a number", pos)
		}
		integer = false
	}
	if i < len(src) && src[i]|0x20 == 'e' {
		i++
		if i < len(src) && (src[i] == '+' || src[i] == '-') {
			i++
		}
		exponent := i
		if i = digits(src, exponent); i == exponent {
			return 0, false, fmt.Errorf("at byte %d: not a number", pos)
		}
		integer = false
	}
	return i, integer, nil
}

func digits(src []byte, i int) int {
	for i < len(src) && isDigit(src[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Unquote returns the text of a valid JSON string, without a copy where it has no escapes.
func Unquote(quoted []byte) []byte {
	inner := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	if text, _, err := appendUnquoted(nil, quoted, 0); err == nil {
		return text
	}
	return unquoteLone(quoted)
}

// unquoteLone decodes a string that has lone surrogates, as rows written by others may. No Go string can spell these: each
// becomes the three bytes that it would have in UTF-8, so that no two keys are taken for one.
func unquoteLone(quoted []byte) []byte {
	var text []byte
	for i := 1; i < len(quoted)-1; {
		if quoted[i] != '\\' {
			text = append(text, quoted[i])
			i++
			continue
		}
		r, n, err := unescape(quoted[i:])
		if err == nil {
			text = utf8.AppendRune(text, r)
			i += n
			continue
		}
		r, _ = hex4(quoted[i:])
		text = append(text, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		i += 6
	}
	return text
}
