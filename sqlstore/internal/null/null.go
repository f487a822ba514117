// Package null gives SQLite's columns their values, NULL for a zero value: most rows have nothing there.
package null

import (
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Text returns s.
func Text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// Number returns n.
func Number(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// Bytes returns b.
func Bytes(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// Milliseconds returns d in whole milliseconds.
func Milliseconds(d time.Duration) any {
	if d == 0 {
		return nil
	}
	return d.Milliseconds()
}

// Time returns t in milliseconds of the Unix epoch.
func Time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMilli()
}

// Key returns the bytes of h.
func Key(h store.Handle) any {
	if h.IsZero() {
		return nil
	}
	return h[:]
}

// Hashes returns the bytes of all hashes, one after the other.
func Hashes(hashes []store.Hash) any {
	var all []byte
	for _, h := range hashes {
		all = append(all, h[:]...)
	}
	return Bytes(all)
}
