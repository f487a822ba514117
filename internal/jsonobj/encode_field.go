package jsonobj

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// structField is a field that a struct has in JSON: its own, or one of a struct that is embedded in it.
type structField struct {
	name      string
	quote     []byte // the name as it stands in JSON
	index     []int
	tagged    bool // the name comes from a tag
	omitEmpty bool
	omitZero  bool
	asString  bool
}

// fieldsOf returns a struct's fields in JSON. As among Go's own selectors, a name belongs to the field with the fewest
// structs around it; of several such fields to the only one with a tag; otherwise to none.
func fieldsOf(t reflect.Type) []structField {
	all := collectFields(t)
	slices.SortStableFunc(all, func(a, b structField) int {
		return cmp.Or(strings.Compare(a.name, b.name), len(a.index)-len(b.index), before(a.tagged, b.tagged))
	})
	var fields []structField
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].name == all[0].name {
			n++
		}
		if n == 1 || len(all[0].index) != len(all[1].index) || all[0].tagged != all[1].tagged {
			fields = append(fields, all[0])
		}
		all = all[n:]
	}
	return fields
}

func before(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// embedded is a struct whose fields are another's.
type embedded struct {
	typ   reflect.Type
	index []int
	twice bool // it is embedded more than once on its level
}

// collectFields walks through a struct and those embedded in it, level by level, into each type once. What is embedded
// twice on one level has its fields listed twice, so that their names belong to none.
func collectFields(t reflect.Type) (all []structField) {
	visited := map[reflect.Type]bool{}
	for level := []embedded{{typ: t}}; len(level) > 0; {
		var next []embedded
		for _, s := range level {
			if visited[s.typ] {
				continue
			}
			visited[s.typ] = true
			fields, deeper := directFields(s)
			all = append(all, fields...)
			if s.twice {
				all = append(all, fields...)
			}
			for _, d := range deeper {
				next = addEmbedded(next, d)
			}
		}
		level = next
	}
	return all
}

func addEmbedded(level []embedded, s embedded) []embedded {
	i := slices.IndexFunc(level, func(other embedded) bool { return other.typ == s.typ })
	if i < 0 {
		return append(level, s)
	}
	level[i].twice = true
	return level
}

func directFields(s embedded) (fields []structField, deeper []embedded) {
	for i := range s.typ.NumField() {
		f := s.typ.Field(i)
		embeds := f.Anonymous && target(f.Type).Kind() == reflect.Struct
		tag := f.Tag.Get("json")
		if tag == "-" || !f.IsExported() && !embeds {
			continue
		}
		index := append(slices.Clone(s.index), i)
		name, options, _ := strings.Cut(tag, ",")
		if !validName(name) {
			name = ""
		}
		if name == "" && embeds {
			deeper = append(deeper, embedded{typ: target(f.Type), index: index})
			continue
		}
		fields = append(fields, newStructField(f, index, name, strings.Split(options, ",")))
	}
	return fields, deeper
}

// target returns the type that an unnamed pointer type points to, and any other type itself.
func target(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer && t.Name() == "" {
		return t.Elem()
	}
	return t
}

func newStructField(f reflect.StructField, index []int, name string, options []string) structField {
	out := structField{
		name: cmp.Or(name, f.Name), index: index, tagged: name != "",
		omitEmpty: slices.Contains(options, "omitempty"), omitZero: slices.Contains(options, "omitzero"),
		asString: slices.Contains(options, "string") && isScalar(target(f.Type).Kind()),
	}
	out.quote = Quote(nil, out.name)
	return out
}

func isScalar(k reflect.Kind) bool {
	return reflect.Bool <= k && k <= reflect.Float64 || k == reflect.String
}

// validName reports whether a tag's name is one for encoding/json.
func validName(name string) bool {
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("!#$%&()*+-./:;<=>?@[]^_{|}~ ", r) {
			return false
		}
	}
	return true
}

// of returns the field's value in a struct, if no embedded pointer on the way is nil.
func (f *structField) of(v reflect.Value) (reflect.Value, bool) {
	for _, i := range f.index {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return v, false
			}
			v = v.Elem()
		}
		v = v.Field(i)
	}
	return v, true
}

func (f *structField) omitted(v reflect.Value) bool {
	return f.omitEmpty && isEmpty(v) || f.omitZero && isZero(v)
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Pointer, reflect.Interface:
		return v.IsNil()
	}
	return isScalar(v.Kind()) && v.IsZero()
}

// isZero calls the type's own method IsZero, on the value or on a pointer to it. Without one it compares with the zero
// value.
func isZero(v reflect.Value) bool {
	if isNil(v) {
		return true
	}
	type zeroer interface{ IsZero() bool }
	if z, ok := v.Interface().(zeroer); ok {
		if v.Kind() == reflect.Interface && isNil(v.Elem()) {
			return true
		}
		return z.IsZero()
	}
	if reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[zeroer]()) && v.Kind() != reflect.Pointer {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		return p.Interface().(zeroer).IsZero()
	}
	return v.IsZero()
}
