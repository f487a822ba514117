package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

// Handle is a session's row key: 16 bytes that never change while the session lives. It opens nothing and may stand in
// logs, lists and revocations. The zero Handle names no session.
type Handle [16]byte

const handleChars = 36 // of a UUID

// String returns the handle as a UUID, the form in which it stands in a Postgres row.
func (h Handle) String() string {
	b := hex.AppendEncode(make([]byte, 0, handleChars), h[:4])
	for _, part := range [][]byte{h[4:6], h[6:8], h[8:10], h[10:]} {
		b = hex.AppendEncode(append(b, '-'), part)
	}
	return string(b)
}

// IsZero reports whether h names no session.
func (h Handle) IsZero() bool { return h == Handle{} }

// MarshalText implements encoding.TextMarshaler with the form of String.
func (h Handle) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler for the form of String.
func (h *Handle) UnmarshalText(text []byte) error {
	parsed, err := ParseHandle(string(text))
	if err == nil {
		*h = parsed
	}
	return err
}

// errHandle does not quote the input: clients send tokens in the place of handles.
var errHandle = errors.New("session: not a session handle, a UUID in lower case")

// ParseHandle is the inverse of Handle.String. It accepts that one spelling only, and its error does not repeat s.
func ParseHandle(s string) (Handle, error) {
	var h Handle
	if len(s) != handleChars {
		return h, errHandle
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != len(h) {
		return h, errHandle
	}
	if copy(h[:], raw); h.String() != s {
		return Handle{}, errHandle
	}
	return h, nil
}

// Hash is SHA-256 of realm, a zero byte and a token's secret: all that a store learns of the secret.
type Hash [sha256.Size]byte
