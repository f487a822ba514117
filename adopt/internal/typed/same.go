package typed

import (
	"reflect"
	"time"
)

// same reports whether two values are the same to who reads them: times by the instant, and structs by what they export.
func same(a, b any) bool { return sameValue(reflect.ValueOf(a), reflect.ValueOf(b)) }

var timeType = reflect.TypeFor[time.Time]()

func sameValue(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	if a.Type() != b.Type() {
		return false
	}
	if a.Type() == timeType {
		return a.Interface().(time.Time).Equal(b.Interface().(time.Time))
	}
	switch a.Kind() {
	case reflect.Pointer, reflect.Interface:
		return a.IsNil() == b.IsNil() && sameValue(a.Elem(), b.Elem())
	case reflect.Struct:
		return sameStruct(a, b)
	case reflect.Slice, reflect.Array:
		return sameList(a, b)
	case reflect.Map:
		return sameMap(a, b)
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// sameStruct compares what a struct exports. One that exports nothing has an encoding of its own: it is compared whole.
func sameStruct(a, b reflect.Value) bool {
	exported := 0
	for i := range a.NumField() {
		if !a.Type().Field(i).IsExported() {
			continue
		}
		if exported++; !sameValue(a.Field(i), b.Field(i)) {
			return false
		}
	}
	return exported > 0 || reflect.DeepEqual(a.Interface(), b.Interface())
}

func sameList(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !sameValue(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func sameMap(a, b reflect.Value) bool {
	if a.Len() != b.Len() {
		return false
	}
	for _, key := range a.MapKeys() {
		if !sameValue(a.MapIndex(key), b.MapIndex(key)) {
			return false
		}
	}
	return true
}
