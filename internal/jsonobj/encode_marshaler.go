package jsonobj

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
)

var (
	jsonType = reflect.TypeFor[json.Marshaler]()
	textType = reflect.TypeFor[encoding.TextMarshaler]()
)

// marshaler appends v if its type has a method for that, MarshalJSON or else MarshalText, on the value or on a pointer
// to where it stands.
func (e *encoder) marshaler(v reflect.Value, depth int) (done bool, err error) {
	t := typeOf(v.Type())
	if !t.marshals() || !v.CanInterface() {
		return false, nil
	}
	switch {
	case t.jsonOfPointer && v.CanAddr():
		return true, e.marshalJSON(v.Addr().Interface().(json.Marshaler), depth)
	case t.json:
		if isNil(v) {
			return true, e.literal("null")
		}
		return true, e.marshalJSON(v.Interface().(json.Marshaler), depth)
	case t.textOfPointer && v.CanAddr():
		return true, e.marshalText(v.Addr().Interface().(encoding.TextMarshaler))
	case t.text:
		if isNil(v) {
			return true, e.literal("null")
		}
		return true, e.marshalText(v.Interface().(encoding.TextMarshaler))
	}
	return false, nil
}

// isNil reports whether v is a nil pointer or interface. The methods of maps and slices are called even if these are
// nil.
func isNil(v reflect.Value) bool {
	return (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil()
}

func (e *encoder) marshalJSON(m json.Marshaler, depth int) error {
	text, err := m.MarshalJSON()
	if err == nil {
		err = e.canonical(text, depth)
	}
	if err != nil {
		return fmt.Errorf("MarshalJSON of %T: %w", m, err)
	}
	return nil
}

func (e *encoder) marshalText(m encoding.TextMarshaler) error {
	text, err := m.MarshalText()
	if err == nil {
		err = e.decoded(text)
	}
	if err != nil {
		return fmt.Errorf("MarshalText of %T: %w", m, err)
	}
	return nil
}
