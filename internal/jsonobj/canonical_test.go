package jsonobj_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestCanonical(t *testing.T) {
	for _, v := range storetest.Values() {
		got, err := jsonobj.Canonical([]byte("before"), []byte(v.JSON), math.MaxInt)
		switch {
		case v.Refused() && err == nil:
			t.Errorf("%s: %.60q is accepted as %.60q", v.Name, v.JSON, got)
		case !v.Refused() && (err != nil || string(got) != "before"+v.Canonical):
			t.Errorf("%s: %.60q is %.60q (%v), want %.60q", v.Name, v.JSON, got, err, v.Canonical)
		}
	}
}

func TestCanonicalNamesThePlace(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":tru}`: "at byte 5", `[1,2`: "at byte 4", `1 x`: "at byte 2", `{"a":1e999}`: "range of float64", `["a",]`: "at byte 5",
	} {
		if _, err := jsonobj.Canonical(nil, []byte(text), math.MaxInt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: the error is %v, want one that says %q", text, err, want)
		}
	}
}

func TestAppendFloat(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		if got, err := jsonobj.AppendFloat(nil, f); err == nil {
			t.Errorf("%v is spelled %s", f, got)
		}
	}
	for _, f := range []float64{0, math.Copysign(0, -1), 1, 0.1, math.MaxFloat64, math.SmallestNonzeroFloat64, -1e21} {
		got, err := jsonobj.AppendFloat(nil, f)
		back, parsed := strconv.ParseFloat(string(got), 64)
		if err != nil || parsed != nil || back != f || math.Signbit(back) != (f < 0) || bytes.ContainsAny(got, "eE") {
			t.Errorf("%v is spelled %.40s (%v)", f, got, err)
		}
	}
}

func TestAppendQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"": `""`, "a": `"a"`, "a\"\\/": `"a\"\\/"`, "\b\f\n\r\t\x01\x1f": `"\b\f\n\r\t\u0001\u001f"`, "é\u2028<>&😀\x7f": "\"é\u2028<>&😀\x7f\"",
	} {
		if got, err := jsonobj.AppendQuoted(nil, text); err != nil || string(got) != want {
			t.Errorf("%q is quoted as %s (%v), want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"\x00", "a\x00b", "\xff", "\xed\xa0\x80"} {
		if got, err := jsonobj.AppendQuoted(nil, text); err == nil {
			t.Errorf("%q is quoted as %q", text, got)
		}
	}
}

func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

// limits says why Canonical must refuse a decoded value: "" where it must take it.
func limits(v any, depth int) string {
	switch v := v.(type) {
	case string:
		return limitsOfText(v)
	case json.Number:
		if _, err := strconv.ParseFloat(v.String(), 64); err != nil {
			return "a number beyond float64"
		}
	case []any:
		if depth >= jsonobj.MaxDepth {
			return "depth"
		}
		for _, element := range v {
			if why := limits(element, depth+1); why != "" {
				return why
			}
		}
	case map[string]any:
		if depth >= jsonobj.MaxDepth {
			return "depth"
		}
		for key, element := range v {
			if why := limitsOfText(key) + limits(element, depth+1); why != "" {
				return why
			}
		}
	}
	return ""
}

// limitsOfText takes U+FFFD for a sign of what encoding/json has replaced; callers keep it out of what they feed.
func limitsOfText(s string) string {
	if strings.ContainsAny(s, "\x00\ufffd") {
		return "text that not every database holds"
	}
	return ""
}

// rounded replaces the numbers of a decoded value by what Canonical makes of them.
func rounded(v any) any {
	switch v := v.(type) {
	case json.Number:
		text := v.String()
		if digits := strings.TrimPrefix(text, "-"); len(digits) <= 40 && !strings.ContainsAny(text, ".eE") && text != "-0" {
			return v
		}
		f, _ := v.Float64()
		return json.Number(strconv.FormatFloat(f+0, 'f', -1, 64))
	case []any:
		for i := range v {
			v[i] = rounded(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = rounded(v[key])
		}
	}
	return v
}

func FuzzCanonical(f *testing.F) {
	for _, v := range storetest.Values() {
		if len(v.JSON) < 1000 {
			f.Add([]byte(v.JSON))
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if bytes.Contains(src, []byte("\ufffd")) || bytes.Contains(bytes.ToLower(src), []byte(`\ufffd`)) {
			return
		}
		kept := bytes.Clone(src)
		got, err := jsonobj.Canonical(nil, src, math.MaxInt)
		if !bytes.Equal(src, kept) {
			t.Fatal("the source was written into")
		}
		if !json.Valid(src) {
			if err == nil {
				t.Fatalf("%q is not JSON and was accepted as %q", src, got)
			}
			return
		}
		want, decoded := decode(src)
		if decoded != nil {
			t.Fatal(decoded)
		}
		if err != nil {
			// Of a key that comes twice the decoder keeps one value, and the limit may be in the other.
			if why := limits(want, 0); why == "" && !duplicates(src) && utf8.Valid(src) {
				t.Fatalf("%q is refused: %v", src, err)
			}
			return
		}
		canonical(t, got, rounded(want))
	})
}

// canonical checks the text that Canonical has made.
func canonical(t *testing.T, text []byte, want any) {
	t.Helper()
	v, err := decode(text)
	if err != nil || !reflect.DeepEqual(v, want) {
		t.Fatalf("%q (%v) is not equal to %v", text, err, want)
	}
	again, err := jsonobj.Canonical(nil, text, math.MaxInt)
	if err != nil || !bytes.Equal(again, text) {
		t.Fatalf("%q is canonical, and made canonical again it is %q (%v)", text, again, err)
	}
	if duplicates(text) {
		t.Fatalf("%q has a key twice", text)
	}
	object := append(append([]byte(`{"k":`), text...), '}')
	if _, err := jsonobj.Scan(object); err != nil {
		t.Fatalf("%q cannot be read back: %v", object, err)
	}
}

// duplicates reports whether an object within the JSON text has a key twice.
func duplicates(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var walk func() bool
	walk = func() bool {
		token, err := d.Token()
		if err != nil || (token != json.Delim('{') && token != json.Delim('[')) {
			return false
		}
		var keys []string
		for d.More() {
			if token == json.Delim('{') {
				key, err := d.Token()
				if err != nil || slices.Contains(keys, key.(string)) {
					return true
				}
				keys = append(keys, key.(string))
			}
			if walk() {
				return true
			}
		}
		_, err = d.Token()
		return err != nil
	}
	return walk()
}

func FuzzCanonicalFloat(f *testing.F) {
	for _, x := range []float64{0, 1, 0.1, 5e-324, math.MaxFloat64, 1e21, 1 << 53} {
		f.Add(x)
	}
	f.Fuzz(func(t *testing.T, x float64) {
		text, err := jsonobj.AppendFloat(nil, x)
		if math.IsInf(x, 0) || math.IsNaN(x) {
			if err == nil {
				t.Fatalf("%v is spelled %s", x, text)
			}
			return
		}
		back, parsed := strconv.ParseFloat(string(text), 64)
		if err != nil || parsed != nil || back != x {
			t.Fatalf("%v is spelled %s (%v), which is %v", x, text, err, back)
		}
		again, err := jsonobj.Canonical(nil, text, math.MaxInt)
		if err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%s becomes %s (%v)", text, again, err)
		}
	})
}
