package store

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Finder is implemented by stores that find sessions by something other than their key.
type Finder interface {
	// Find returns the live sessions that selector selects, newest first. Their Data holds only the entries named by keys;
	// Hash and Former are zero.
	Find(ctx context.Context, selector Selector, keys []string, p Policy) ([]Record, error)

	// Revoke deletes the selected sessions, whatever their secret, and returns their handles.
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

// OwnerLimit bounds how many live sessions an owner may have in a realm. It is applied, in one atomic step with the save,
// if a Change gives a row an owner that it did not have. Only a Finder has to honour it.
type OwnerLimit struct {
	Max       int  // 0: no limit
	EndOldest bool // end the oldest others (by CreatedAt) to make room; otherwise ErrOwnerLimit
}

// Applies reports whether a session that changes from one owner to another, "" being none, counts against the limit.
func (l OwnerLimit) Applies(old, owner string) bool { return l.Max > 0 && owner != "" && owner != old }

// MakeRoom returns those of the owner's other live sessions, which come newest first, that have to end so that one more
// may join them, or ErrOwnerLimit.
func (l OwnerLimit) MakeRoom(others []Record) (oldest []Record, err error) {
	switch {
	case l.Max <= 0 || len(others) < l.Max:
		return nil, nil
	case !l.EndOldest:
		return nil, fmt.Errorf("%w: %d of %d", ErrOwnerLimit, len(others), l.Max)
	}
	return others[l.Max-1:], nil
}
