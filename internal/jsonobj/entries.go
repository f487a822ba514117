package jsonobj

import (
	"encoding/json"
	"slices"
)

// AppendEntries appends an object of entries, in no particular order. Their values are JSON text.
func AppendEntries(dst []byte, entries map[string]json.RawMessage) []byte {
	size := 2
	for key, value := range entries {
		size += len(key) + len(value) + 4
	}
	dst = append(slices.Grow(dst, size), '{')
	first := true
	for key, value := range entries {
		if !first {
			dst = append(dst, ',')
		}
		dst = append(append(Quote(dst, key), ':'), value...)
		first = false
	}
	return append(dst, '}')
}

// AppendStrings appends an array of strings.
func AppendStrings(dst []byte, elements []string) []byte {
	dst = append(dst, '[')
	for i, element := range elements {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = Quote(dst, element)
	}
	return append(dst, ']')
}
