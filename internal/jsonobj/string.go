package jsonobj

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

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
func AppendQuoted(dst []byte, text string) ([]byte, error) {
	switch {
	case !utf8.ValidString(text):
		return dst, errInvalidUTF8
	case strings.IndexByte(text, 0) >= 0:
		return dst, errNUL
	}
	return quote(dst, text), nil
}

var (
	errInvalidUTF8 = errors.New("invalid UTF-8 in a string")
	errNUL         = errors.New("U+0000 in a string")
)

// Quote appends a JSON string of text, whatever it is: U+0000 as an escape, and U+FFFD for invalid UTF-8.
func Quote(dst []byte, text string) []byte { return quote(dst, strings.ToValidUTF8(text, "\ufffd")) }

// quote appends valid UTF-8 with the escapes that JSON demands.
func quote[T string | []byte](dst []byte, text T) []byte {
	dst = append(dst, '"')
	done := 0
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c == '"' || c == '\\' {
			dst = appendEscaped(append(dst, text[done:i]...), c)
			done = i + 1
		}
	}
	return append(append(dst, text[done:]...), '"')
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

// Unquote returns the text of a valid JSON string, without a copy if it has no escapes.
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
