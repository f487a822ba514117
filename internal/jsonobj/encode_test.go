package jsonobj_test

//lint:file-ignore SA5008 encoding/json takes wrong tags in its own way

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
)

type (
	jsonOfValue   struct{ Text string }
	jsonOfPointer struct{ Text string }
	textOfValue   struct{ Text string }
	textOfPointer struct{ Text string }
	textNumber    int
	textByte      byte
	namedByte     byte
	namedString   string
	odd           struct{ Day int }
	never         struct{ Int int }
	loop          struct{ *loop }
)

func (v jsonOfValue) MarshalJSON() ([]byte, error) {
	return []byte(` {"b":"\u0061","a":` + v.Text + `} `), nil
}
func (v *jsonOfPointer) MarshalJSON() ([]byte, error) { return json.Marshal(v.Text) }
func (v textOfValue) MarshalText() ([]byte, error)    { return []byte("<" + v.Text + ">"), nil }
func (v *textOfPointer) MarshalText() ([]byte, error) { return []byte("*" + v.Text), nil }
func (v textNumber) MarshalText() ([]byte, error)     { return fmt.Appendf(nil, "#%d", int(v)), nil }
func (v textByte) MarshalText() ([]byte, error)       { return []byte{'b', '0' + byte(v)}, nil }
func (v odd) IsZero() bool                            { return v.Day%2 == 1 }
func (v *never) IsZero() bool                         { return v.Int == 7 }

// inner and its relatives share names on several levels.
type (
	inner  struct{ A, B, Shared int }
	beside struct {
		B      int
		Shared int `json:"Shared"`
	}
	deeper struct {
		inner
		C string `json:",omitempty"`
	}
	Exported struct{ D []int }
	mixed    struct {
		deeper
		*beside
		*Exported `json:"exported"`
		inner2    inner
		A         float32
		Skipped   int `json:"-"`
		Dash      int `json:"-,"`
		Odd       int `json:"a\"b"`
		Symbols   int `json:"$%-/"`
	}
	diamond struct {
		left
		right
	}
	left  struct{ inner }
	right struct{ inner }

	options struct {
		Int     int                        `json:"int,string"`
		IntP    *int                       `json:",string,omitempty"`
		Float   float64                    `json:",string"`
		String  string                     `json:",string"`
		Bool    bool                       `json:",omitempty,string"`
		Number  json.Number                `json:",string"`
		Text    textNumber                 `json:",string"`
		List    []int                      `json:",string,omitempty"`
		Map     map[string]any             `json:",omitempty"`
		Array   [0]int                     `json:",omitempty"`
		Time    time.Time                  `json:",omitzero"`
		Odd     odd                        `json:",omitzero"`
		Never   never                      `json:",omitzero"`
		OddP    *odd                       `json:",omitzero"`
		Zeroer  interface{ IsZero() bool } `json:",omitzero"`
		Any     any                        `json:",omitempty"`
		Struct  struct{ X int }            `json:",omitempty"`
		Raw     json.RawMessage            `json:",omitempty"`
		Pointed *jsonOfPointer
		Direct  jsonOfPointer
		TextP   textOfPointer
	}
)

func pointer[T any](v T) *T { return &v }

var theLoop = func() *loop { l := &loop{}; l.loop = l; return l }()

// goValues are of every kind that encoding/json knows.
func goValues() []any {
	var nilJSON *jsonOfValue
	var nilText *textOfValue
	var nilStringer fmt.Stringer
	number, seven := 5, never{7}
	return []any{
		nil, true, 1, int8(-1), uint64(math.MaxUint64), uintptr(3), 1.5, float32(0.1), 1e21, math.Copysign(0, -1), "a<b>&\u2028\"\\\x01é",
		json.Number("12"), json.Number(""), json.Number("1e3"), namedString("x"), []byte("bytes"), []byte(nil), []byte{}, [3]byte{1, 2, 3},
		[]namedByte{1, 2}, []textByte{1, 2}, []int(nil), []int{}, [2]any{nil, "x"}, map[string]int(nil), map[string]int{"b": 1, "a": 2, "<": 3},
		map[int]string{10: "x", 9: "y", -1: "z"}, map[uint8]bool{1: true}, map[textNumber]int{2: 1, 1: 2}, map[textOfValue]int{{"k"}: 1},
		map[*textOfValue]int{nil: 1}, map[namedString]any{"n": []any{1, "x", nil, map[string]any{}}}, map[string]*int{"p": &number, "n": nil},
		&number, pointer(&number), pointer[any](pointer("deep")), nilJSON, nilText, &nilStringer, jsonOfValue{"1"}, &jsonOfValue{"2"},
		jsonOfPointer{"copied"}, &jsonOfPointer{"addressed"}, []jsonOfPointer{{"in a slice"}}, [1]jsonOfPointer{{"in an array"}},
		map[string]jsonOfPointer{"not addressable": {"x"}}, textOfValue{"<"}, &textOfValue{"p"}, textOfPointer{"copied"}, []textOfPointer{{"x"}},
		mixed{}, &mixed{deeper: deeper{inner{1, 2, 3}, "c"}, beside: &beside{4, 5}, Exported: &Exported{[]int{1}}, inner2: inner{9, 9, 9}, A: 6},
		diamond{left{inner{1, 2, 3}}, right{inner{4, 5, 6}}}, loop{}, theLoop, options{}, &options{}, options{Never: seven, Odd: odd{1}},
		&options{
			Int: 1, IntP: &number, Float: 1e21, String: "<\"é", Bool: true, Number: "7", Text: 8, List: []int{1}, Map: map[string]any{"": 0},
			Time: time.Unix(0, 0).UTC(), Odd: odd{2}, Never: seven, OddP: &odd{1}, Zeroer: &seven, Any: 0, Raw: json.RawMessage(`{"z":1,"a":[ ]}`),
			Pointed: &jsonOfPointer{"x"}, Direct: jsonOfPointer{"y"}, TextP: textOfPointer{"z"},
		},
		options{Zeroer: (*never)(nil)}, big.NewInt(5), *big.NewInt(6), []*big.Int{big.NewInt(7)}, netip.MustParseAddr("::1"), time.Minute,
		json.RawMessage(nil), json.RawMessage(`[1 , {"b":1,"a":"\ufffd"}]`), map[string]json.RawMessage{"a": json.RawMessage(`"\uFFFD"`), "b": nil},
		struct{ *inner }{}, struct{ error }{}, struct{ X any }{struct{}{}}, reflect.ValueOf(1).Kind(),
		// What has no JSON.
		make(chan int), func() {}, 1i, []any{make(chan int)}, map[[2]int]int{}, map[any]int{}, math.NaN(), float32(math.Inf(1)), json.Number("x"),
		json.Number("1 "), json.RawMessage("{"), json.RawMessage(""), struct{ F func() }{}, struct {
			N json.Number `json:",string"`
		}{"1x"},
	}
}

// reference is what Encode does in one step.
func reference(value any) ([]byte, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return jsonobj.Canonical(nil, text, math.MaxInt)
}

func TestEncodeIsEncodingJSON(t *testing.T) {
	for _, value := range goValues() {
		for _, value := range []any{value, []any{value}, struct{ V any }{value}, &struct{ V *any }{&value}} {
			sameEncoding(t, value)
		}
	}
}

func sameEncoding(t *testing.T, value any) {
	t.Helper()
	want, refused := reference(value)
	got, err := jsonobj.Encode([]byte("before"), value, math.MaxInt)
	if (err == nil) != (refused == nil) || err == nil && string(got) != "before"+string(want) {
		t.Errorf("%T is %.300s (%v), want %.300s (%v)", value, got, err, want, refused)
	}
}

func TestEncodeRefusesWhatEncodingJSONChanges(t *testing.T) {
	for _, value := range []any{
		"\xff", []string{"a\xff"}, map[string]int{"\xff": 1}, namedString("\xff"), textOfValue{"\xff"}, map[textOfValue]int{{"\xff"}: 1},
		struct {
			S string `json:",string"`
		}{"\xff"},
		"\x00", []string{"\x00"}, textOfValue{"\x00"}, jsonOfValue{`"\u0000"`}, json.RawMessage(`"\ud800"`),
	} {
		if text, err := jsonobj.Encode(nil, value, math.MaxInt); err == nil {
			t.Errorf("%T %q is encoded as %q", value, value, text)
		}
	}
}

func TestEncodeDepth(t *testing.T) {
	type list []list
	var deep list
	for range jsonobj.MaxDepth - 1 {
		deep = list{deep}
	}
	raw := json.RawMessage(strings.Repeat("[", 50) + strings.Repeat("]", 50))
	around := func(v any, n int) any {
		for range n {
			v = []any{v}
		}
		return v
	}
	cycle := map[string]any{}
	cycle["x"] = cycle
	type ring *ring
	var self ring
	self = &self
	for name, c := range map[string]struct {
		value any
		ok    bool
	}{
		"100 levels": {list{deep}, true}, "101 levels": {list{list{deep}}, false}, "a map in itself": {cycle, false}, "a pointer to itself": {self, false},
		"JSON within": {around(raw, 50), true}, "JSON within, one too deep": {around(raw, 51), false},
	} {
		if _, err := jsonobj.Encode(nil, c.value, math.MaxInt); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type target struct {
	Any    any
	S      string `json:"s"`
	Quoted string `json:",string"`
	F      float32
	M      map[string]json.RawMessage
	I      map[int8]string
	B      []byte `json:",omitempty"`
	N      json.Number
	*deeper
	Time *time.Time
	Text textNumber `json:"-"`
}

// FuzzEncode fills Go values from JSON, and compares with encoding/json what becomes of them, with a limit and without.
func FuzzEncode(f *testing.F) {
	for _, text := range []string{
		`{"any":{"b":[1,null,"x<"],"a":1e300},"s":"é","Quoted":"\"q\"","F":0.1,"M":{"k":[1, 2]},"I":{"1":"x"},"B":"YQ==","N":12,"C":"c","A":1}`,
		`[1,"2",true]`, `"\ufffd"`, `{"\u0061":"\u0001"}`, `-0`, `{"Time":"2026-01-02T15:04:05Z"}`,
	} {
		f.Add([]byte(text), 10)
	}
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		var free any
		var filled target
		var raw map[string]json.RawMessage
		for _, into := range []any{&free, &filled, &raw} {
			if json.Unmarshal(text, into) != nil {
				continue
			}
			sameEncoding(t, into)
			withinLimit(t, into, limit&0xfff)
		}
	})
}

func withinLimit(t *testing.T, value any, limit int) {
	t.Helper()
	whole, refused := jsonobj.Encode(nil, value, math.MaxInt)
	got, err := jsonobj.Encode(nil, value, limit)
	switch {
	case err == nil && (len(got) > limit || string(got) != string(whole)):
		t.Fatalf("within %d bytes %q is %q", limit, whole, got)
	case refused == nil && len(whole) > limit && !errors.Is(err, jsonobj.ErrTooLong):
		t.Fatalf("%d bytes within %d: %v", len(whole), limit, err)
	}
}
