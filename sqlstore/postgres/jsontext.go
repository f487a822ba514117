package postgres

import (
	"encoding/json"
)

// objectText is a JSON object of entries.
func objectText(entries map[string]json.RawMessage) string {
	size := 2
	for key, value := range entries {
		size += len(key) + len(value) + 4
	}
	text := append(make([]byte, 0, size), '{')
	for key, value := range entries {
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(appendQuoted(text, key), ':')
		text = append(text, value...)
	}
	return string(append(text, '}'))
}

// arrayText is a JSON array of strings.
func arrayText(elements []string) string {
	text := []byte{'['}
	for i, element := range elements {
		if i > 0 {
			text = append(text, ',')
		}
		text = appendQuoted(text, element)
	}
	return string(append(text, ']'))
}

func appendQuoted(text []byte, s string) []byte {
	if isPlain(s) {
		return append(append(append(text, '"'), s...), '"')
	}
	quoted, _ := json.Marshal(s) // no string fails
	return append(text, quoted...)
}

// isPlain reports whether s stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}
