// Package typed keeps the Go types of values that are stored as JSON, for APIs whose Get returns an interface.
//
// A value is stored as the JSON that encoding/json makes of it, so that others read it too. If the JSON does not
// determine its type, the type is stored beside it in an entry of its own. A value that does not survive JSON is stored
// as a gob.
package typed

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"
)

// Prefix begins the key of the entry that holds the type of another.
const Prefix = "__type:"

// plain are the types that are known by their names.
var plain = map[string]reflect.Type{}

func init() {
	for _, v := range []any{
		int8(0), int16(0), int32(0), int64(0), uint(0), uint8(0), uint16(0), uint32(0), uint64(0), float32(0), float64(0),
		int(0), "", false, []byte(nil), []string(nil), []int(nil), []int64(nil), []float64(nil), []bool(nil), []any(nil),
		time.Time{}, time.Duration(0), map[string]string(nil), map[string]int(nil), map[string]bool(nil), map[string]any(nil),
	} {
		t := reflect.TypeOf(v)
		plain[t.String()] = t
	}
}

// What a type's entry begins with, if it is not a name.
const (
	byGob = "gob"  // the value itself is a gob
	zero  = "gob:" // followed by the gob of the type's zero value, which names the type
)

// Encode returns a value's JSON, and its type's entry: "" if Decode needs none. Types that are not plain have to be
// registered with encoding/gob.
func Encode(value any) (raw json.RawMessage, tag string, err error) {
	if value == nil {
		return json.RawMessage("null"), "", nil
	}
	if raw, err = marshal(value); err != nil {
		return encodeGob(value)
	}
	if back, err := Decode(raw, ""); err == nil && same(value, back) {
		return raw, "", nil
	}
	if tag, err = tagOf(reflect.TypeOf(value)); err != nil {
		return nil, "", err
	}
	if back, err := Decode(raw, tag); err == nil && same(value, back) {
		return raw, tag, nil
	}
	return encodeGob(value)
}

func marshal(value any) (raw json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("MarshalJSON panicked")
		}
	}()
	return json.Marshal(value)
}

func encodeGob(value any) (json.RawMessage, string, error) {
	text, err := gobText(value)
	if err != nil {
		return nil, "", err
	}
	raw, err := json.Marshal(text)
	return raw, byGob, err
}

// box carries a value through gob as an interface, so that its type comes with it.
type box struct{ Value any }

func gobText(value any) (string, error) {
	var buf bytes.Buffer
	if err := gob.NewEncoder(&buf).Encode(box{value}); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(buf.Bytes()), nil
}

func fromGob(text string) (any, error) {
	data, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	var b box
	err = gob.NewDecoder(bytes.NewReader(data)).Decode(&b)
	return b.Value, err
}

var tags sync.Map // of reflect.Type: its tag; and of tag: its reflect.Type

func tagOf(t reflect.Type) (string, error) {
	if plain[t.String()] == t {
		return t.String(), nil
	}
	if tag, ok := tags.Load(t); ok {
		return tag.(string), nil
	}
	of := reflect.Zero(t)
	if t.Kind() == reflect.Pointer {
		of = reflect.New(t.Elem())
	}
	text, err := gobText(of.Interface())
	if err != nil {
		return "", fmt.Errorf("type %v: %w", t, err)
	}
	tags.Store(t, zero+text)
	return zero + text, nil
}

func typeOf(tag string) (reflect.Type, error) {
	if t, ok := plain[tag]; ok {
		return t, nil
	}
	if t, ok := tags.Load(tag); ok {
		return t.(reflect.Type), nil
	}
	value, err := fromGob(strings.TrimPrefix(tag, zero))
	if err != nil || value == nil {
		return nil, errors.Join(errors.New("its type is not known"), err)
	}
	t := reflect.TypeOf(value)
	tags.Store(tag, t)
	return t, nil
}

// Decode is the inverse of Encode. Without a tag, a number is an int if it is one, and a float64 otherwise.
func Decode(raw json.RawMessage, tag string) (any, error) {
	switch tag {
	case "":
		return decodePlain(raw)
	case byGob:
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, err
		}
		return fromGob(text)
	}
	t, err := typeOf(tag)
	if err != nil {
		return nil, err
	}
	value := reflect.New(t)
	err = json.Unmarshal(raw, value.Interface())
	return value.Elem().Interface(), err
}

func decodePlain(raw json.RawMessage) (any, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	err := decoder.Decode(&value)
	return numbers(value), err
}

func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && int64(int(n)) == n {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = numbers(v[key])
		}
	}
	return value
}
