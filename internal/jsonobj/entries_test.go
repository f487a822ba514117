package jsonobj_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/simples-go/sessions/internal/jsonobj"
)

var anyKeys = []string{"plain", `qu"ote\`, "ключ\n", "", "<&>\u2028", "\x7f😀", "\x00", "a\xffb\xfe"}

func TestAppendEntries(t *testing.T) {
	entries := map[string]json.RawMessage{}
	for i, key := range anyKeys {
		entries[key] = json.RawMessage([]string{`12345678901234567890`, `{"a":[]}`, `"x"`}[i%3])
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal(jsonobj.AppendEntries(nil, entries), &got); err != nil {
		t.Fatal(err)
	}
	entries["a\ufffdb\ufffd"] = entries["a\xffb\xfe"]
	delete(entries, "a\xffb\xfe")
	if !maps.EqualFunc(got, entries, func(a, b json.RawMessage) bool { return string(a) == string(b) }) {
		t.Errorf("%q were written as %q", entries, got)
	}
	if got := jsonobj.AppendEntries([]byte("x"), nil); string(got) != "x{}" {
		t.Errorf("nothing is %s", got)
	}
}

func TestAppendStrings(t *testing.T) {
	var got []string
	if err := json.Unmarshal(jsonobj.AppendStrings(nil, anyKeys), &got); err != nil || !slices.Equal(got[:7], anyKeys[:7]) {
		t.Errorf("%q were written as %q, %v", anyKeys, got, err)
	}
	if got := jsonobj.AppendStrings([]byte("x"), nil); string(got) != "x[]" {
		t.Errorf("nothing is %s", got)
	}
}

// FuzzCheckShape: what is an object has the shape of one.
func FuzzCheckShape(f *testing.F) {
	for _, text := range []string{`{}`, ` {"a":"\\\"}"} `, `{"a":[{"b":"]"}]}`, `{`, `{"a`, `{}}`, `[]`, ``, `{"a":"\`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, scanned := jsonobj.Scan(text)
		if err := jsonobj.CheckShape(text); err != nil && scanned == nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func TestCheckShape(t *testing.T) {
	for _, text := range []string{``, ` `, `null`, `[]`, `"{}"`, `{`, `{"a":1`, `{"a":"}`, `{"a":"\"}`, `{}}`, `{}x`, `{"a":[}`, `{"\`} {
		if jsonobj.CheckShape([]byte(text)) == nil {
			t.Errorf("%q looks like an object", text)
		}
	}
	for _, text := range []string{`{}`, " {\"a\":\"\\\\\"}\n", `{"a":{"b":["}",{}]}}`} {
		if err := jsonobj.CheckShape([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
