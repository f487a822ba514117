package sqlite

import (
	"bytes"
	"fmt"

	"github.com/simples-go/sessions/session/store"
)

// checkObject says whether data has the shape of one JSON object with nothing after it. What stands within is checked
// by the table's constraint when it is written, and read by the session; reading it here too would double the cost of
// a load.
func checkObject(data []byte) error {
	data = bytes.TrimLeft(data, " \t\r\n")
	if len(data) == 0 || data[0] != '{' {
		return fmt.Errorf("%w: the row holds no object", store.ErrCorrupt)
	}
	end := objectEnd(data)
	if end < 0 || len(bytes.TrimRight(data[end:], " \t\r\n")) > 0 {
		return fmt.Errorf("%w: the object has no end, or something follows it", store.ErrCorrupt)
	}
	return nil
}

// objectEnd returns the position after the bracket that closes the one at data[0], −1 where there is none.
func objectEnd(data []byte) int {
	depth := 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			n := stringLen(data[i:])
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// stringLen returns the length of the JSON string that begins at data[0], −1 where it has no end.
func stringLen(data []byte) int {
	for i := 1; ; {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return -1
		}
		i += n + 1
		if !escaped(data[:i-1]) {
			return i
		}
	}
}

// escaped reports whether what follows text is escaped by a backslash at its end.
func escaped(text []byte) bool {
	n := len(text)
	for n > 0 && text[n-1] == '\\' {
		n--
	}
	return (len(text)-n)%2 == 1
}
