package jsonobj_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/simples-go/sessions/internal/jsonobj"
)

func scan(t testing.TB, text string) jsonobj.Object {
	t.Helper()
	obj, err := jsonobj.Scan([]byte(text))
	if err != nil {
		t.Fatalf("Scan(%.100q): %v", text, err)
	}
	return obj
}

func TestScan(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                    `{}`,
		" \t\r\n{ \"b\" : 1 , \"a\" : [ 2 ] } ": `{"a":[ 2 ],"b":1}`,
		`{"a":1,"b":2,"a":3}`:                   `{"a":3,"b":2}`,
		`{"\u0061":1,"a":2}`:                    `{"a":2}`,
		`{"a":2,"\u0061":1}`:                    `{"\u0061":1}`,
		`{"":null,"é":"\"}","😀":{"x":[{}]}}`:    `{"":null,"é":"\"}","😀":{"x":[{}]}}`,
	} {
		if got := string(scan(t, text).Append(nil)); got != want {
			t.Errorf("%s is read as %s, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		``, ` `, `null`, `[]`, `"x"`, `1`, `{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `{a:1}`, `{"a":1}}`, `{"a":1}x`, `{"a":01}`, `{"a":1 2}`,
		`{"a":"` + "\n" + `"}`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":tru}`, `{"a":[1,]}`, `{"a":[1}`, `{"a":-}`, "{\"a\":1}\x00", `{"a":nul`,
	} {
		if obj, err := jsonobj.Scan([]byte(text)); err == nil {
			t.Errorf("%q is read as %s", text, obj.Append(nil))
		}
	}
}

// A row that somebody else wrote must not cost the process its stack.
func TestScanDepth(t *testing.T) {
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}` }
	scan(t, deep(999))
	for _, n := range []int{1002, 10_000, 5_000_000} {
		if _, err := jsonobj.Scan([]byte(deep(n))); err == nil {
			t.Errorf("%d levels were read", n)
		}
	}
}

// Databases that take any JSON may hold strings that no Go string can spell; they stay apart and are kept as they are.
func TestScanLoneSurrogates(t *testing.T) {
	const text = `{"\ud800":1,"\\ud800":2,"\udc00":3,"\ud800a":"\udfff","�":5}`
	obj := scan(t, text)
	if obj.Len() != 5 {
		t.Fatalf("of 5 members %d are left: %s", obj.Len(), obj.Append(nil))
	}
	if v, ok := obj.Get(`\ud800`); !ok || string(v) != "2" {
		t.Errorf(`Get(\ud800) is %s`, v)
	}
	merged := string(obj.Merge(false, map[string]json.RawMessage{"a": json.RawMessage("6")}, []string{"�"}).Append(nil))
	for _, part := range []string{`"\ud800":1`, `"\\ud800":2`, `"\udc00":3`, `"\ud800a":"\udfff"`, `"a":6`} {
		if !strings.Contains(merged, part) {
			t.Errorf("%s is lost: %s", part, merged)
		}
	}
	if strings.Contains(merged, ":5") {
		t.Errorf("the deleted member stays: %s", merged)
	}
}

func TestGet(t *testing.T) {
	obj := scan(t, `{"a":1,"b":"x","":null,"c\"":[1, 2],"é":{}}`)
	for key, want := range map[string]string{"a": "1", "b": `"x"`, "": "null", `c"`: "[1, 2]", "é": "{}"} {
		if got, ok := obj.Get(key); !ok || string(got) != want {
			t.Errorf("Get(%q) is %s, %v, want %s", key, got, ok, want)
		}
	}
	for _, key := range []string{"A", "aa", `c\"`, "e", "z", "\xff"} {
		if got, ok := obj.Get(key); ok {
			t.Errorf("Get(%q) is %s", key, got)
		}
	}
	if _, ok := (jsonobj.Object{}).Get("a"); ok {
		t.Error("the zero Object has a member")
	}
}

func TestMembersAndOnly(t *testing.T) {
	obj := scan(t, `{"b":1,"a":2,"c":3}`)
	var keys []string
	for _, m := range obj.Members() {
		keys = append(keys, m.Key()+"="+string(m.Value))
	}
	if !slices.Equal(keys, []string{"a=2", "b=1", "c=3"}) {
		t.Errorf("the members are %v", keys)
	}
	for want, only := range map[string][]string{`{}`: nil, `{"a":2,"c":3}`: {"c", "x", "a", "a"}} {
		if got := string(obj.Only(only).Append(nil)); got != want {
			t.Errorf("only %v is %s, want %s", only, got, want)
		}
	}
}

func TestMergeLeavesItsObjects(t *testing.T) {
	base := scan(t, `{"a":1,"b":2}`)
	one := base.Merge(false, map[string]json.RawMessage{"c": json.RawMessage("3")}, []string{"a"})
	two := base.Merge(false, map[string]json.RawMessage{"d": json.RawMessage("4")}, nil)
	for want, obj := range map[string]jsonobj.Object{`{"a":1,"b":2}`: base, `{"b":2,"c":3}`: one, `{"a":1,"b":2,"d":4}`: two} {
		if got := string(obj.Append(nil)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func FuzzScan(f *testing.F) {
	for _, text := range []string{`{}`, `{"a":[1,{"b":null}],"\u0061":"\ud800\n"}`, ` {"a" : -0.5e+7 } `, `[]`, `{"a":1`, `{"😀":"\"}"}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		obj, err := jsonobj.Scan(text)
		object := json.Valid(text) && bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{"))
		if object != (err == nil) && bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) < 1000 {
			t.Fatalf("%q: a JSON object: %v, Scan: %v", text, object, err)
		}
		if err == nil {
			sameAsDecoded(t, obj, text)
		}
	})
}

// sameAsDecoded checks an object against what encoding/json makes of the text.
func sameAsDecoded(t *testing.T, obj jsonobj.Object, text []byte) {
	t.Helper()
	out := obj.Append(nil)
	if !json.Valid(out) {
		t.Fatalf("%q is written as %q", text, out)
	}
	again, err := jsonobj.Scan(out)
	if err != nil || !bytes.Equal(again.Append(nil), out) || again.Size() != obj.Size() {
		t.Fatalf("%q is read again as %q (%v)", out, again.Append(nil), err)
	}
	var want map[string]json.RawMessage
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	if replaced(want) || !utf8.Valid(text) {
		return
	}
	if obj.Len() != len(want) {
		t.Fatalf("%q has %d members, want %d", text, obj.Len(), len(want))
	}
	for key, value := range want {
		if got, ok := obj.Get(key); !ok || !bytes.Equal(got, value) {
			t.Fatalf("Get(%q) of %q is %q, %v", key, text, got, ok)
		}
	}
}

// replaced reports whether encoding/json may have put U+FFFD in the place of what no Go string can hold.
func replaced(m map[string]json.RawMessage) bool {
	for key := range m {
		if strings.Contains(key, "\ufffd") {
			return true
		}
	}
	return false
}

// FuzzMerge checks Merge and Size against a map. The edits are read off the fuzzer's bytes.
func FuzzMerge(f *testing.F) {
	f.Add([]byte("a1b2c3"), []byte("a4d5"), "ab", true, 20)
	f.Add([]byte{'"', 0, '\\', 1}, []byte{}, `"`, false, 0)
	f.Fuzz(func(t *testing.T, base, edits []byte, del string, clear bool, limit int) {
		want := model(base)
		set := model(edits)
		deleted := strings.Split(strings.ToValidUTF8(del, ""), "")
		deleted = slices.DeleteFunc(deleted, func(key string) bool { _, ok := set[key]; return ok })
		got := scan(t, text(want)).Merge(clear, set, deleted)
		if clear {
			want = map[string]json.RawMessage{}
		}
		for _, key := range deleted {
			delete(want, key)
		}
		maps.Copy(want, set)
		out := got.Append(nil)
		if string(out) != text(want) {
			t.Fatalf("got %s, want %s", out, text(want))
		}
		if again := scan(t, string(out)); again.Size() != got.Size() || again.Exceeds(limit) != (got.Size() > limit) {
			t.Fatalf("%s has size %d, and %d when it is read again", out, got.Size(), again.Size())
		}
		for key, value := range want {
			if v, ok := got.Get(key); !ok || !bytes.Equal(v, value) {
				t.Fatalf("Get(%q) of %s is %s", key, out, v)
			}
		}
	})
}

// model makes entries of pairs of bytes.
func model(pairs []byte) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	values := []string{`1`, `"a,b:c"`, `[1,{"x":"\"]"}]`, `{}`, `null`, `{"a":[],"b":{"c":1}}`}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[string(rune(pairs[i])+1)] = json.RawMessage(values[int(pairs[i+1])%len(values)])
	}
	return m
}

// text writes the entries in the order of their keys.
func text(m map[string]json.RawMessage) string {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(m)) {
		quoted, err := jsonobj.AppendQuoted(nil, key)
		if err != nil {
			panic(err)
		}
		parts = append(parts, string(quoted)+":"+string(m[key]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
