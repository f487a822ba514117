package typed

import (
	"encoding/gob"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

type cart struct {
	SKU    string
	N      int
	Hidden string `json:"-"`
	At     time.Time
}

type pointed struct{ SKU string }

type unregistered struct{ A int }

func init() {
	gob.Register(cart{})
	gob.Register(&pointed{})
	gob.Register([]cart{})
	gob.Register(map[cart]string{})
	gob.Register([]any{})
}

func TestRoundTrip(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		value any
		json  string // part of what others read; "" if it is a gob
		tag   string // how the tag begins
	}{
		{nil, "null", ""},
		{"a", `"a"`, ""},
		{true, "true", ""},
		{42, "42", ""},
		{1.5, "1.5", ""},
		{[]any{"a", 1, 2.5, nil}, `["a",1,2.5,null]`, ""},
		{map[string]any{"a": []any{1}}, `{"a":[1]}`, ""},
		{1.0, "1", "float64"},
		{1e300, "1e+300", ""},
		{int64(math.MaxInt64), "9223372036854775807", "int64"},
		{uint64(math.MaxUint64), "18446744073709551615", "uint64"},
		{int8(-3), "-3", "int8"},
		{float32(1.25), "1.25", "float32"},
		{[]byte("xyz"), `"eHl6"`, "[]uint8"},
		{[]string{"a"}, `["a"]`, "[]string"},
		{now, now.Format("2006"), "time.Time"},
		{time.Second, "1000000000", "time.Duration"},
		{map[string]string{"a": "b"}, `{"a":"b"}`, "map[string]string"},
		{cart{SKU: "a", N: 1, At: now}, `"SKU":"a"`, "gob:"},
		{&pointed{SKU: "a"}, `"SKU":"a"`, "gob:"},
		{[]cart{{SKU: "a"}}, `"SKU":"a"`, "gob:"},
		{cart{SKU: "a", Hidden: "h"}, "", "gob"},
		{map[cart]string{{SKU: "a"}: "b"}, "", "gob"},
		{[]any{cart{SKU: "a"}}, "", "gob"},
		{math.Inf(1), "", "gob"},
		{"\xff", "", "gob"},
	} {
		raw, tag, err := Encode(c.value)
		if err != nil || !strings.HasPrefix(tag, c.tag) || (c.tag == "" || c.tag == "gob") && tag != c.tag || !strings.Contains(string(raw), c.json) {
			t.Errorf("%#v is %s with tag %.20q, %v; want %s with %q", c.value, raw, tag, err, c.json, c.tag)
			continue
		}
		back, err := Decode(raw, tag)
		if err != nil || !same(c.value, back) {
			t.Errorf("%#v comes back as %#v, %v", c.value, back, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, value := range []any{unregistered{1}, make(chan int), func() {}} {
		if raw, _, err := Encode(value); err == nil {
			t.Errorf("%T is %s", value, raw)
		}
	}
	for _, tag := range []string{"nothing", "gob:", "gob:AAAA", "main.Cart"} {
		if v, err := Decode([]byte("1"), tag); err == nil {
			t.Errorf("tag %q gives %v", tag, v)
		}
	}
}

func TestSame(t *testing.T) {
	for _, c := range []struct {
		a, b any
		want bool
	}{
		{cart{N: 1}, cart{N: 1}, true}, {cart{N: 1}, cart{N: 2}, false}, {&cart{}, (*cart)(nil), false}, {1, int64(1), false},
		{[]int{1}, []int{1, 2}, false}, {map[string]int{"a": 1}, map[string]int{"b": 1}, false}, {nil, 1, false},
		{reflect.ValueOf, nil, false},
	} {
		if got := same(c.a, c.b); got != c.want {
			t.Errorf("%#v and %#v: %v", c.a, c.b, got)
		}
	}
}
