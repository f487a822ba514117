package storetest

import (
	"encoding/json"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/simples-go/sessions/session/store"
)

// Value is one line of the table of what every store accepts and refuses alike.
type Value struct {
	Name string

	// JSON is what a handler would set.
	JSON string

	// Canonical is the text that a Change then holds, and that a store returns an equal value of. Empty: a session refuses
	// JSON with ErrValue, and no store ever sees it.
	Canonical string
}

// Refused reports whether no session takes the value.
func (v Value) Refused() bool { return v.Canonical == "" }

// Values returns the table.
func Values() []Value {
	var all []Value
	for _, part := range [][]Value{literals(), texts(), integers(), floats(), nested(), refused()} {
		all = append(all, part...)
	}
	return all
}

func same(name, json string) Value { return Value{name, json, json} }

func literals() []Value {
	return []Value{
		same("null", `null`), same("true", `true`), same("false", `false`), same("empty array", `[]`), same("empty object", `{}`),
		same("empty string", `""`), same("array of nulls", `[null,null]`), same("object of null", `{"a":null}`),
		{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] } ", `{"a":[1,2]}`},
		{"keys in any order", `{"b":1,"a":2,"aa":3,"B":4,"":5}`, `{"":5,"B":4,"a":2,"aa":3,"b":1}`},
		{"a key twice", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
		{"escaped key twice", `{"a":1,"\u0061":2}`, `{"a":2}`},
		same("prototype", `{"__proto__":{"x":1},"constructor":2}`),
	}
}

func texts() []Value {
	return []Value{
		same("ASCII", `"plain text"`), same("accents", `"éàüß"`), same("combining", "\"e\u0301\""), same("scripts", `"ключ 鍵 مفتاح कुंजी"`),
		same("emoji", `"😀👩‍👩‍👧‍👦🏳️‍🌈"`), same("last code point", "\"\U0010ffff\""), same("noncharacters", "\"\uffff\ufffe\ufdd0\""),
		same("replacement character", "\"\ufffd\""), same("byte order mark", "\"\ufeff\""), same("line separators", "\"\u2028\u2029\u0085\""),
		same("delete", "\"\x7f\""), same("quote and backslash", `"\"\\"`), same("short escapes", `"\b\f\n\r\t"`),
		same("control characters", `"\u0001\u001f\u001b"`), same("JSON within", `"{\"a\":[1,2]}"`), same("HTML", `"<script>&amp;'</script>"`),
		same("SQL", `"'; drop table sessions; -- $1 ? :a %s"`), same("like an escape", `"\\u0000\\ud800"`),
		same("64 KB", `"`+strings.Repeat("0123456789abcdef", 4096)+`"`),
		{"escaped slash", `"\/"`, `"/"`}, {"escaped letters", `"\u0061\u00e9\u20AC"`, `"aé€"`},
		{"escaped pair", `"\ud83d\uDE00"`, `"😀"`}, {"escaped controls", `"\u0008\u000A\u000d\u0009\u000c"`, `"\b\n\r\t\f"`},
		{"escaped replacement character", `"\ufffd"`, "\"\ufffd\""},
		{"escaped quote", `"\u0022\u005c"`, `"\"\\"`}, {"escaped delete", `"\u007f"`, "\"\x7f\""},
	}
}

func integers() []Value {
	all := []Value{{"minus zero", `-0`, `0`}, {"minus zero, a fraction", `-0.0`, `0`}, {"minus zero, an exponent", `-0e5`, `0`}}
	for _, n := range []string{
		"0", "1", "-1", "2147483647", "2147483648", "-2147483649", "4294967296", "9007199254740991", "9007199254740992", "9007199254740993",
		"-9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"18446744073709551615", "18446744073709551616", "1000000000000000000001", "340282366920938463463374607431768211457",
		strings.Repeat("9", 40), "-" + strings.Repeat("9", 40), "1" + strings.Repeat("0", 38) + "1", "1" + strings.Repeat("0", 39),
	} {
		all = append(all, same("integer "+n, n))
	}
	// From 41 digits on an integer is a float64.
	long, _ := new(big.Float).SetString("12345678901234567890123456789012345678901")
	f, _ := long.Float64()
	return append(all, Value{"41 digits", "12345678901234567890123456789012345678901", spelled(f)},
		Value{"integer as an exponent", "1e3", "1000"}, Value{"integer as a fraction", "5.0", "5"},
		Value{"309 digits", "1" + strings.Repeat("0", 308), "1" + strings.Repeat("0", 308)})
}

// spelled returns the canonical text of a finite float64 other than −0.
func spelled(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func floats() []Value {
	var all []Value
	for _, f := range []float64{
		0.1, -0.1, 0.5, 1.5, 1.0 / 3, 0.1 + 0.2, math.Pi, 123456.789, 1e-6, 1e-7, 1e20, 1e21, 1e22, 1e23, 1e40, 1e41, 1e-307, 4.35, 2.5e-8,
		math.MaxFloat64, -math.MaxFloat64, math.MaxFloat32, math.SmallestNonzeroFloat32, 2.2250738585072014e-308, 2.225073858507201e-308,
		math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64, math.Nextafter(1, 2), math.Nextafter(1, 0), 9007199254740993.5, 1 << 53,
		8.41e21, 2.0919495182368195e19, 5e-324 * 3, 1.7976931348623155e308, 9.5367431640625e-7,
	} {
		short := strconv.FormatFloat(f, 'g', -1, 64)
		all = append(all, Value{"float " + short, short, spelled(f)})
		if text := spelled(f); strings.Contains(text, ".") {
			all = append(all, same("float "+short+" in full", text))
		}
	}
	return append(all, Value{"more digits than a float64 has", "0.1000000000000000055511151231257827", "0.1"},
		Value{"below the smallest float64", "1e-400", "0"}, Value{"exponent in capitals", "1E+2", "100"},
		Value{"trailing zeros", "1.500", "1.5"}, Value{"minus below the smallest", "-1e-400", "0"})
}

func nested() []Value {
	many, _ := json.Marshal(make([]int, 20_000))
	return []Value{
		same("100 arrays deep", strings.Repeat("[", 100)+strings.Repeat("]", 100)),
		same("100 objects deep", strings.Repeat(`{"a":`, 99)+"{}"+strings.Repeat("}", 99)),
		same("mixed", `[1,"a",null,true,{"b":[{"c":[]}]},[[[]]]]`), same("20,000 elements", string(many)),
	}
}

func refused() []Value {
	all := []Value{}
	for name, text := range map[string]string{
		"nothing": ``, "white space alone": ` `, "half a value": `{"a":`, "half a string": `"a`, "half a literal": `tru`, "trailing data": `1 2`,
		"trailing comma": `[1,]`, "leading comma": `[,1]`, "comma in an object": `{"a":1,}`, "no colon": `{"a" 1}`, "no quotes": `{a:1}`,
		"single quotes": `'a'`, "NaN": `NaN`, "Infinity": `-Infinity`, "undefined": `undefined`, "leading zero": `01`, "plus": `+1`,
		"no digit": `-`, "no fraction": `1.`, "no integer": `.5`, "no exponent": `1e`, "hexadecimal": `0x10`, "comment": `/**/1`,
		"byte order mark before": "\ufeff1", "control character": "\"\x01\"", "line break in a string": "\"\n\"", "unknown escape": `"\x41"`,
		"short escape": `"\u12"`, "NUL": `"\u0000"`, "NUL within": `["a\u0000b"]`, "NUL in a key": `{"a\u0000":1}`, "NUL as a byte": "\"\x00\"",
		"lone high surrogate": `"\ud800"`, "lone low surrogate": `"\udc00"`, "surrogates reversed": `"\udc00\ud800"`,
		"high surrogate and a letter": `"\ud800a"`, "two high surrogates": `"\ud800\ud800"`, "surrogate in a key": `{"\ud800":1}`,
		"invalid UTF-8": "\"\xff\"", "overlong UTF-8": "\"\xc0\x80\"", "surrogate in UTF-8": "\"\xed\xa0\x80\"", "cut UTF-8": "\"\xe2\x82\"",
		"invalid UTF-8 in a key": "{\"\xff\":1}", "beyond float64": `1e309`, "far beyond float64": `1e200000`, "minus beyond": `-1e309`,
		"310 digits": "1" + strings.Repeat("0", 309), "101 arrays deep": strings.Repeat("[", 101) + strings.Repeat("]", 101),
		"100,000 arrays deep": strings.Repeat("[", 100_000), "two values": `{}{}`, "non-breaking space": "\u00a01",
	} {
		all = append(all, Value{Name: name, JSON: text})
	}
	return all
}

func valueRules() []rule {
	return []rule{
		{
			name: "every value comes back equal",
			text: "A value that a session takes is stored and returned as an equal JSON value, saved alone or with others.",
			test: valuesComeBack,
		},
		{
			name: "big integers and small floats are exact",
			text: "Integers of up to 40 digits and every finite float64 come back exactly.",
			test: valuesExact,
		},
	}
}

func valuesComeBack(e *env) {
	all := store.Change{Set: map[string]json.RawMessage{}}
	one := e.created(store.Change{})
	for _, v := range Values() {
		if v.Refused() {
			continue
		}
		all.Set[v.Name] = json.RawMessage(v.Canonical)
		e.save(one, set(v.Name, v.Canonical))
	}
	for name, ref := range map[string]store.Ref{"saved alone": one, "created with others": e.created(all)} {
		entries := e.entries(e.load(ref).Data)
		for key, want := range all.Set {
			if same, err := EqualJSON(entries[key], want); err != nil || !same {
				e.Errorf("%s, %s: got %.200s, want %.200s (%v)", key, name, entries[key], want, err)
			}
		}
		if len(entries) != len(all.Set) {
			e.Errorf("%s: %d entries, want %d", name, len(entries), len(all.Set))
		}
	}
}

func valuesExact(e *env) {
	ref := e.created(set("big", strings.Repeat("7", 40), "small", spelled(math.SmallestNonzeroFloat64), "large", spelled(math.MaxFloat64)))
	e.save(ref, set("other", `[`+strings.Repeat("8", 40)+`,`+spelled(0.1)+`]`))
	entries := e.entries(e.load(ref).Data)
	for key, want := range map[string]float64{"small": math.SmallestNonzeroFloat64, "large": math.MaxFloat64} {
		var got float64
		if err := json.Unmarshal(entries[key], &got); err != nil || got != want {
			e.Errorf("%s came back as %v (%v)", key, got, err)
		}
	}
	if got := string(entries["big"]); got != strings.Repeat("7", 40) {
		e.Errorf("40 digits came back as %s", got)
	}
}
