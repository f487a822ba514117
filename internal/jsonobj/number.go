package jsonobj

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// maxDigits of an integer are kept exactly; longer ones become float64.
const maxDigits = 40

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
