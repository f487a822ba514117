package session

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/simples-go/sessions/internal/jsonobj"
)

// Reader is what typed access reads from: a [Session] or, inside of Modify, a [Draft].
type Getter interface {
	// lookup returns the JSON text of key's value, nil where there is none.
	lookup(key string) (json.RawMessage, error)
}

// Get decodes the entry key into a T as encoding/json does. Where there is no such entry it returns the zero T and no
// error; [Session.Has] tells the difference. An error says that the entry is not a T, or that the session cannot be read:
// ErrGone, ErrRotated.
//
// Decode integers beyond 2^53 into int64, uint64, *big.Int or json.Number, which keep every digit.
func Get[T any](r Getter, key string) (T, error) {
	raw, err := r.lookup(key)
	if err != nil || raw == nil {
		return *new(T), err
	}
	return decoded[T](key, raw)
}

func decoded[T any](key string, raw json.RawMessage) (T, error) {
	var value T
	if err := decode(raw, &value); err != nil {
		return *new(T), fmt.Errorf("session: entry %s is not a %T: %w", quoteKey(key), value, err)
	}
	return value, nil
}

// Key is a typed entry, with a value for sessions that do not have it. Declare one per entry:
//
//	var theme = session.NewKey("theme", "light")
type Key[T any] struct {
	name string
	def  T
}

// NewKey returns the key of an entry; def is what Get returns where there is none.
func NewKey[T any](name string, def T) Key[T] { return Key[T]{name, def} }

// Name returns the entry's key.
func (k Key[T]) Name() string { return k.name }

// Get is the function Get with the key's default.
func (k Key[T]) Get(r Getter) (T, error) {
	raw, err := r.lookup(k.name)
	if err != nil || raw == nil {
		return k.def, err
	}
	return decoded[T](k.name, raw)
}

// Set is Session.Set with a value of the key's type.
func (k Key[T]) Set(s Setter, value T) error { return s.Set(k.name, value) }

// Delete removes the entry.
func (k Key[T]) Delete(s Setter) error { return s.Delete(k.name) }

// Writer is what typed keys write to: a [Session] or, inside of Modify, a [Draft].
type Setter interface {
	Set(key string, value any) error
	Delete(key string) error
}

func decode[T any](raw []byte, into *T) error {
	switch p := any(into).(type) {
	case *string:
		if len(raw) >= 2 && raw[0] == '"' {
			*p = string(jsonobj.Unquote(raw))
			return nil
		}
	case *int:
		if n, err := strconv.Atoi(string(raw)); err == nil {
			*p = n
			return nil
		}
	case *int64:
		if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
			*p = n
			return nil
		}
	case *json.RawMessage:
		*p = bytes.Clone(raw)
		return nil
	}
	return json.Unmarshal(raw, into)
}

// encode returns the canonical JSON of a value, which every store holds alike, or jsonobj.ErrTooLong.
func encode(value any, limit int) (json.RawMessage, error) {
	switch v := value.(type) {
	case int:
		return strconv.AppendInt(nil, int64(v), 10), nil
	case int64:
		return strconv.AppendInt(nil, v, 10), nil
	case string:
		if len(v) < limit {
			return jsonobj.Encode(make([]byte, 0, len(v)+2), v, limit)
		}
	case json.RawMessage:
		if len(v) < limit {
			return jsonobj.Encode(make([]byte, 0, len(v)), v, limit)
		}
	}
	return jsonobj.Encode(nil, value, limit)
}

func checkText(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errors.New("it is not valid UTF-8")
	case strings.IndexByte(text, 0) >= 0:
		return errors.New("it has a U+0000")
	}
	return nil
}

// quoteKey shows a key in an error, in bounded length.
func quoteKey(key string) string {
	const most = 64
	if len(key) > most {
		return strconv.Quote(key[:most]) + "…"
	}
	return strconv.Quote(key)
}
