package session

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/simples-go/sessions/session/store"
)

const (
	handleBytes = 16
	secretBytes = 32
	tokenBytes  = handleBytes + secretBytes
	tokenChars  = tokenBytes / 3 * 4 // 64, with no spare bits: one token has one spelling
)

// ID is a session's token, the value that travels in the cookie: row key and secret. Whoever has it has the session. It
// redacts itself in every format, log and encoding; Reveal alone returns it. The zero ID is that of no session.
type ID struct {
	*hidden
}

// hidden keeps the secret from fmt, which prints the unexported fields of foreign structs without asking their methods. It
// takes two pointers: fmt follows one if the verb does not fit, as %s.
type hidden struct{ token *token }

func newID(t *token) ID {
	if t == nil {
		return ID{}
	}
	return ID{&hidden{t}}
}

type token [tokenBytes]byte

// Reveal returns the token itself, 64 characters of base64url, or "" for the zero ID. Keep it out of logs and errors.
func (id ID) Reveal() string {
	if id.hidden == nil {
		return ""
	}
	return id.token.encode()
}

// Handle returns the row key, which may stand in logs.
func (id ID) Handle() Handle {
	if id.hidden == nil {
		return Handle{}
	}
	return id.token.handle()
}

// IsZero reports whether id is that of no session.
func (id ID) IsZero() bool { return id.hidden == nil }

// Equal reports whether both are the same token. Do not compare IDs with ==.
func (id ID) Equal(other ID) bool {
	if id.hidden == nil || other.hidden == nil {
		return id.hidden == other.hidden
	}
	return *id.token == *other.token
}

// String returns a redacted form that names the handle.
func (id ID) String() string {
	if id.hidden == nil {
		return "session.ID(none)"
	}
	return "session.ID(" + id.Handle().String() + ", secret redacted)"
}

// Format implements fmt.Formatter: every verb prints String.
func (id ID) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, id.String()) }

// LogValue implements slog.LogValuer with String.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()) }

// MarshalText implements encoding.TextMarshaler with String, so that JSON and the like are redacted too.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// newToken makes a token with a new row key, which begins with the time in milliseconds (UUID version 7, RFC 9562) so
// that new rows stand together in the index. crypto/rand never fails: it ends the process if the system has no entropy.
func newToken(now time.Time) *token {
	t := new(token)
	_, _ = rand.Read(t[:])
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(t[:6], ms[2:])
	t[6] = t[6]&0x0f | 0x70
	t[8] = t[8]&0x3f | 0x80
	return t
}

// rotated returns a token of the same row with a new secret.
func (t *token) rotated() *token {
	next := new(token)
	copy(next[:handleBytes], t[:handleBytes])
	_, _ = rand.Read(next[handleBytes:])
	return next
}

func (t *token) handle() Handle { return Handle(t[:handleBytes]) }

func (t *token) encode() string { return base64.RawURLEncoding.EncodeToString(t[:]) }

func (t *token) hash(realm string) store.Hash {
	var stack [128]byte
	b := append(stack[:0], realm...)
	b = append(b, 0)
	return sha256.Sum256(append(b, t[handleBytes:]...))
}

// parseToken decodes the one spelling of a token; anything else is no token.
func parseToken(s string) (*token, bool) {
	if len(s) != tokenChars {
		return nil, false
	}
	var text [tokenChars]byte
	copy(text[:], s)
	for _, c := range text {
		// The decoder skips line breaks, which would give one token two spellings.
		if c == '\n' || c == '\r' {
			return nil, false
		}
	}
	t := new(token)
	if n, err := base64.RawURLEncoding.Decode(t[:], text[:]); err != nil || n != tokenBytes {
		return nil, false
	}
	return t, true
}
