package session

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Getter is what typed access reads from: a [Session], a [Draft] inside of Modify, a [Summary] of a list.
type Getter interface {
	// Has reports whether there is an entry.
	Has(key string) bool

	// lookup returns the JSON text of key's value, nil if there is none.
	lookup(key string) (json.RawMessage, error)
}

// Setter is what typed access writes to: a [Session] or a [Draft].
type Setter interface {
	Set(key string, value any) error
	SetFor(key string, value any, d time.Duration) error
	Delete(key string) error
}

// Entries can be read and changed: a [Session] or a [Draft].
type Entries interface {
	Getter
	Setter
}

// Get decodes the entry key into a T as encoding/json does. If there is no such entry, it returns the zero T and no
// error; [Find] reports whether there is one. An error says that the entry is not a T, or that the session cannot be
// read: ErrGone, ErrRotated.
//
// Decode integers beyond 2^53 into int64, uint64, *big.Int or json.Number, which keep every digit.
func Get[T any](r Getter, key string) (T, error) {
	value, _, err := Find[T](r, key)
	return value, err
}

// Find is Get, and reports whether there is an entry.
func Find[T any](r Getter, key string) (value T, ok bool, err error) {
	raw, err := r.lookup(key)
	if err != nil || raw == nil {
		return value, false, err
	}
	if err := decode(raw, &value); err != nil {
		return *new(T), true, fmt.Errorf("session: entry %s is not a %T: %w", quoteKey(key), value, err)
	}
	return value, true, nil
}

// Pop returns an entry, decoded as Get does, and deletes it: for messages that are shown once. If it does not decode, it
// stays.
func Pop[T any](e Entries, key string) (T, error) { return Key[T]{name: key}.Pop(e) }

// ModifyKey is Modify for one key: it replaces the entry by what fn makes of it, and returns that. If there is none, fn
// gets the zero T.
//
//	n, err := session.ModifyKey(ctx, s, "visits", func(n int) (int, error) { return n + 1, nil })
func ModifyKey[T any](ctx context.Context, s *Session, key string, fn func(T) (T, error)) (T, error) {
	return Key[T]{name: key}.Modify(ctx, s, fn)
}
