package jsonobj

import (
	"cmp"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
)

// maxHops is how many pointers and interfaces may follow each other without a value of their own.
const maxHops = 1000

// Encode appends the canonical form of what encoding/json makes of a value, at most limit bytes. Beside encoding/json,
// with Canonical behind it, it stops as soon as the limit is exceeded, and refuses a string that is not valid UTF-8,
// which encoding/json changes. ErrTooLong, and the errors of Canonical.
func Encode(dst []byte, value any, limit int) ([]byte, error) {
	e := encoder{output: newOutput(dst, limit)}
	if err := e.any(value, 0); err != nil {
		return nil, err
	}
	return e.text, nil
}

// encoder appends the canonical form of Go values to the output.
type encoder struct {
	output
	hops int
}

// any appends a value of the most frequent types without reflection.
func (e *encoder) any(value any, depth int) error {
	switch v := value.(type) {
	case nil:
		return e.literal("null")
	case string:
		return e.quoted(v)
	case bool:
		return e.literal(strconv.FormatBool(v))
	case int:
		return e.integer(int64(v))
	case float64:
		return e.float(v)
	case json.RawMessage:
		if v == nil {
			return e.literal("null")
		}
		return e.canonical(v, depth)
	}
	return e.value(reflect.ValueOf(value), depth)
}

func (e *encoder) integer(n int64) error {
	e.text = strconv.AppendInt(e.text, n, 10)
	return e.check()
}

func (e *encoder) value(v reflect.Value, depth int) error {
	if done, err := e.marshaler(v, depth); done {
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		return e.literal(strconv.FormatBool(v.Bool()))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return e.integer(v.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		e.text = strconv.AppendUint(e.text, v.Uint(), 10)
		return e.check()
	case reflect.Float32:
		// The shortest text of a float32 is another number than the float64 of the same value.
		text := strconv.AppendFloat(nil, v.Float(), 'g', -1, 32)
		if text[len(text)-1] > '9' {
			return e.float(v.Float()) // for its error
		}
		return e.number(text, false)
	case reflect.Float64:
		return e.float(v.Float())
	case reflect.String:
		return e.string(v)
	case reflect.Pointer, reflect.Interface:
		return e.pointer(v, depth)
	}
	return e.container(v, depth)
}

func (e *encoder) string(v reflect.Value) error {
	if v.Type() == numberType {
		return e.jsonNumber(v.String())
	}
	return e.quoted(v.String())
}

var numberType = reflect.TypeFor[json.Number]()

// jsonNumber appends a json.Number, which is 0 if it is empty.
func (e *encoder) jsonNumber(text string) error {
	if text == "" {
		return e.literal("0")
	}
	if err := e.open(len(text)); err != nil {
		return err
	}
	end, integer, err := scanNumber([]byte(text), 0)
	if err != nil || end != len(text) {
		return errors.New("a json.Number that is not a number")
	}
	return e.number([]byte(text), integer)
}

func (e *encoder) pointer(v reflect.Value, depth int) error {
	if v.IsNil() {
		return e.literal("null")
	}
	if e.hops++; e.hops > maxHops {
		return fmt.Errorf("a pointer of type %s that leads back to itself", v.Type())
	}
	defer func() { e.hops-- }()
	return e.value(v.Elem(), depth)
}

func (e *encoder) container(v reflect.Value, depth int) error {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		if v.IsNil() {
			return e.literal("null")
		}
		if v.Kind() == reflect.Slice && isBytes(v.Type()) {
			return e.base64(v.Bytes())
		}
	case reflect.Array, reflect.Struct:
	default:
		return fmt.Errorf("values of type %s have no JSON", v.Type())
	}
	if depth == MaxDepth {
		return errors.New(tooDeep)
	}
	switch v.Kind() {
	case reflect.Map:
		return e.mapping(v, depth+1)
	case reflect.Struct:
		return e.structure(v, depth+1)
	}
	return e.list(v, depth+1)
}

func (e *encoder) base64(data []byte) error {
	if err := e.room(base64.StdEncoding.EncodedLen(len(data)) + 2); err != nil {
		return err
	}
	e.text = append(base64.StdEncoding.AppendEncode(append(e.text, '"'), data), '"')
	return nil
}

func (e *encoder) list(v reflect.Value, depth int) error {
	e.text = append(e.text, '[')
	for i := range v.Len() {
		e.separator(i == 0)
		if err := e.value(v.Index(i), depth); err != nil {
			return err
		}
	}
	return e.literal("]")
}

func (e *encoder) mapping(v reflect.Value, depth int) error {
	if !isKey(v.Type().Key()) {
		return fmt.Errorf("values of type %s have no JSON", v.Type())
	}
	members := e.openObject()
	for entry := v.MapRange(); entry.Next(); {
		at := e.beginMember(&members)
		if err := e.mapKey(entry.Key()); err != nil {
			return err
		}
		e.endKey(&members, at)
		if err := e.value(entry.Value(), depth); err != nil {
			return err
		}
		e.endMember(at)
	}
	return e.closeObject(&members)
}

func isKey(t reflect.Type) bool {
	return t.Kind() == reflect.String || reflect.Int <= t.Kind() && t.Kind() <= reflect.Uintptr || t.Implements(textType)
}

func (e *encoder) mapKey(key reflect.Value) error {
	switch {
	case key.Kind() == reflect.String:
		return e.quoted(key.String())
	case isNil(key):
		return e.quoted("")
	case key.Type().Implements(textType):
		return e.marshalText(key.Interface().(encoding.TextMarshaler))
	case key.CanInt():
		return e.quoted(strconv.FormatInt(key.Int(), 10))
	}
	return e.quoted(strconv.FormatUint(key.Uint(), 10))
}

func (e *encoder) structure(v reflect.Value, depth int) error {
	e.text = append(e.text, '{')
	start := len(e.text)
	for _, f := range typeOf(v.Type()).fields {
		field, ok := f.of(v)
		if !ok || f.omitted(field) {
			continue
		}
		e.separator(len(e.text) == start)
		e.text = append(append(e.text, f.quote...), ':')
		if err := e.field(f, field, depth); err != nil {
			return err
		}
	}
	return e.literal("}")
}

func (e *encoder) field(f structField, v reflect.Value, depth int) error {
	if f.asString {
		return e.asString(v, depth)
	}
	return e.value(v, depth)
}

// asString appends a scalar for which the tag says that its JSON is put into a string.
func (e *encoder) asString(v reflect.Value, depth int) error {
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if done, err := e.marshaler(v, depth); done {
		return err
	}
	if v.Kind() == reflect.Pointer {
		return e.literal("null")
	}
	inner := encoder{output: newOutput(nil, e.limit-len(e.text))}
	if err := inner.value(v, depth); err != nil {
		return err
	}
	return e.quotedJSON(v, inner.text)
}

// quotedJSON appends the text in which encoding/json has a scalar, whose canonical form is known to fit, as a string.
func (e *encoder) quotedJSON(v reflect.Value, canonical []byte) error {
	if v.Type() == numberType {
		return e.quoted(cmp.Or(v.String(), "0"))
	}
	if v.Kind() == reflect.Float32 || v.Kind() == reflect.Float64 || v.Kind() == reflect.String {
		text, err := json.Marshal(v.Interface())
		if err != nil {
			return err
		}
		return e.quoted(string(text))
	}
	return e.quoted(string(canonical))
}
