package jsonobj

import (
	"reflect"
	"sync"
)

// typeInfo is what the encoder knows of a type.
type typeInfo struct {
	json, jsonOfPointer bool
	text, textOfPointer bool
	fields              []structField // sorted by their names in JSON
}

func (t *typeInfo) marshals() bool { return t.json || t.jsonOfPointer || t.text || t.textOfPointer }

var types sync.Map // reflect.Type → *typeInfo

var plain typeInfo

func typeOf(t reflect.Type) *typeInfo {
	if t.Kind() < reflect.Array && t.PkgPath() == "" || t.Kind() == reflect.String && t.PkgPath() == "" {
		return &plain
	}
	if known, ok := types.Load(t); ok {
		return known.(*typeInfo)
	}
	known, _ := types.LoadOrStore(t, newTypeInfo(t))
	return known.(*typeInfo)
}

func newTypeInfo(t reflect.Type) *typeInfo {
	info := &typeInfo{json: t.Implements(jsonType), text: t.Implements(textType)}
	if t.Kind() != reflect.Pointer {
		info.jsonOfPointer = reflect.PointerTo(t).Implements(jsonType)
		info.textOfPointer = reflect.PointerTo(t).Implements(textType)
	}
	if t.Kind() == reflect.Struct {
		info.fields = fieldsOf(t)
	}
	return info
}

// isBytes reports whether a slice type is written in base64.
func isBytes(t reflect.Type) bool {
	return t.Elem().Kind() == reflect.Uint8 && !typeOf(t.Elem()).marshals()
}
