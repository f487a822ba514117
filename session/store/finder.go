package store

import (
	"context"
	"strings"
	"unicode/utf8"
)

// Finder is implemented by stores that find sessions by something other than their key.
type Finder interface {
	// Find returns the live sessions that selector selects, newest first. Their Data holds only the entries named by keys;
	// Hash and Former are zero.
	Find(ctx context.Context, selector Selector, keys []string, p Policy) ([]Record, error)

	// Revoke deletes the selected sessions, whatever their secret, and returns their handles; with an error, those of what
	// it had deleted until then.
	Revoke(ctx context.Context, selector Selector) ([]Handle, error)
}

// Selector selects the sessions for which every non-zero field but Except holds. The zero Selector selects none; All
// selects every session.
type Selector struct {
	Realm  string
	Owner  string
	Tag    string
	Key    Handle
	Except Handle // is never selected
	All    bool   // needed if none of the others but Realm is set: every session, or every one of Realm

	// OwnerPrefix is what the owner begins with, byte by byte. What is not valid UTF-8 makes the selector select none.
	OwnerPrefix string
}

// Valid reports whether the selector says what to select.
func (s Selector) Valid() bool {
	some := s.All || s.Owner != "" || s.OwnerPrefix != "" || s.Tag != "" || !s.Key.IsZero()
	return some && utf8.ValidString(s.OwnerPrefix)
}

// Matches reports whether the selector selects a session.
func (s Selector) Matches(r *Record) bool {
	switch {
	case !s.Valid(), s.Realm != "" && s.Realm != r.Realm, s.Owner != "" && s.Owner != r.Owner, s.Tag != "" && s.Tag != r.Tag,
		!s.Key.IsZero() && s.Key != r.Key, !strings.HasPrefix(r.Owner, s.OwnerPrefix):
		return false
	}
	return s.Except.IsZero() || s.Except != r.Key
}
