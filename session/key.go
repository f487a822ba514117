package session

import (
	"context"
	"encoding/json"
	"math"
	"reflect"
	"time"
)

// Key is a typed entry, with a value for sessions that do not have it. Declare one per entry:
//
//	var theme = session.NewKey("theme", "light")
type Key[T any] struct {
	name string
	def  T
	text json.RawMessage // of def if it holds references: each session gets a value of its own
	life time.Duration
	ends bool // after life
}

// NewKey returns the key of an entry; def is what Get returns if there is none. Of a def that holds references, such as a
// map, each call of Get returns a copy, made by way of JSON as if it had been stored.
func NewKey[T any](name string, def T) Key[T] {
	k := Key[T]{name: name, def: def}
	if holdsReferences(reflect.ValueOf(&def).Elem()) {
		k.text, _ = encode(def, math.MaxInt) // what is no JSON can be no entry either: Set says so
	}
	return k
}

// holdsReferences reports whether a value and a copy of it may have a part in common. Of a time.Time it is one that
// nobody can change.
func holdsReferences(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if holdsReferences(v.Field(i)) {
				return v.Type() != reflect.TypeFor[time.Time]()
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			if holdsReferences(v.Index(i)) {
				return true
			}
		}
	case reflect.Interface:
		return holdsReferences(v.Elem())
	case reflect.Map, reflect.Slice, reflect.Pointer, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return !v.IsNil()
	}
	return false
}

// EndsAfter returns the key of an entry that ends before its session does: d after it was last set, as SetFor has it.
//
//	var sudo = session.NewKey("sudo", false).EndsAfter(5 * time.Minute)
func (k Key[T]) EndsAfter(d time.Duration) Key[T] {
	k.life, k.ends = d, true
	return k
}

// Name returns the entry's key.
func (k Key[T]) Name() string { return k.name }

// Get is the function Get with the key's default.
func (k Key[T]) Get(r Getter) (T, error) {
	value, _, err := k.Find(r)
	return value, err
}

// Find is Get, and reports whether there is an entry.
func (k Key[T]) Find(r Getter) (value T, ok bool, err error) {
	value, ok, err = Find[T](r, k.name)
	if !ok {
		value = k.fallback()
	}
	return value, ok, err
}

// fallback returns the default.
func (k Key[T]) fallback() (value T) {
	if k.text == nil || decode(k.text, &value) != nil {
		return k.def
	}
	return value
}

// Has reports whether there is an entry.
func (k Key[T]) Has(r Getter) bool { return r.Has(k.name) }

// Set is Session.Set with a value of the key's type, or Session.SetFor if the key has EndsAfter.
func (k Key[T]) Set(s Setter, value T) error {
	if k.ends {
		return s.SetFor(k.name, value, k.life)
	}
	return s.Set(k.name, value)
}

// SetFor is Session.SetFor with a value of the key's type.
func (k Key[T]) SetFor(s Setter, value T, d time.Duration) error { return s.SetFor(k.name, value, d) }

// Delete removes the entry.
func (k Key[T]) Delete(s Setter) error { return s.Delete(k.name) }

// Pop is the function Pop with the key's default.
func (k Key[T]) Pop(e Entries) (T, error) {
	value, err := k.Get(e)
	if err != nil {
		return value, err
	}
	return value, e.Delete(k.name)
}

// Modify is ModifyKey with the key's default.
//
//	n, err := visits.Modify(ctx, s, func(n int) (int, error) { return n + 1, nil })
func (k Key[T]) Modify(ctx context.Context, s *Session, fn func(T) (T, error)) (next T, err error) {
	err = s.Modify(ctx, func(d *Draft) error {
		old, err := k.Get(d)
		if err != nil {
			return err
		}
		if next, err = fn(old); err != nil {
			return err
		}
		return k.Set(d, next)
	})
	if err != nil {
		return *new(T), err
	}
	return next, nil
}
