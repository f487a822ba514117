package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

// nested returns a value of that many levels.
func nested(depth int) any {
	var v any = 1
	for range depth {
		v = []any{v}
	}
	return v
}

type refusing struct{}

func (refusing) MarshalJSON() ([]byte, error) { return nil, errMine }

// refusedValues cannot be stored, in any of the databases.
var refusedValues = map[string]any{
	"chan":                        make(chan int),
	"func":                        func() {},
	"complex":                     1i,
	"chan in a struct":            struct{ C chan int }{make(chan int)},
	"map with odd keys":           map[[2]int]int{{1, 2}: 3},
	"NaN":                         math.NaN(),
	"infinity":                    math.Inf(1),
	"infinity within":             []float64{1, math.Inf(-1)},
	"NaN as float32":              float32(math.NaN()),
	"U+0000":                      "a\x00b",
	"U+0000 within":               map[string]string{"a": "b\x00"},
	"U+0000 in a key":             map[string]int{"a\x00": 1},
	"U+0000 escaped":              json.RawMessage(`"\u0000"`),
	"lone high surrogate":         json.RawMessage(`"\ud800"`),
	"lone low surrogate":          json.RawMessage(`"\udc00x"`),
	"surrogates the wrong way":    json.RawMessage(`"\udc00\ud800"`),
	"invalid UTF-8":               "a\xff",
	"invalid UTF-8 within":        []string{"a\xff"},
	"invalid UTF-8 in a key":      map[string]int{"a\xff": 1},
	"invalid UTF-8 as JSON":       json.RawMessage("\"a\xff\""),
	"encoded surrogate":           json.RawMessage("\"\xed\xa0\x80\""),
	"101 levels":                  nested(101),
	"1001 levels":                 nested(1001),
	"100,000 levels as JSON":      json.RawMessage(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)),
	"number beyond float64":       json.RawMessage("1e400"),
	"number beyond numeric":       json.Number("1e200000"),
	"no number":                   json.Number("x"),
	"two values":                  json.RawMessage("1 2"),
	"cut off":                     json.RawMessage(`{"a":`),
	"no JSON":                     json.RawMessage("hello"),
	"empty JSON":                  json.RawMessage{},
	"a byte order mark":           json.RawMessage("\ufeff1"),
	"a marshaler that refuses":    refusing{},
	"a marshaler that refuses, 2": []any{1, refusing{}},
}

func TestRefusedValues(t *testing.T) {
	for name, value := range refusedValues {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			of := s.open(s.stored("a"))
			wantIs(t, "Set", of.Set("a", value), session.ErrValue)
			if of.Changed() {
				t.Error("something is pending")
			}
			wantEntry(t, "after it", of, "a", "a's value")
			err := of.Modify(t.Context(), func(d *session.Draft) error { return d.Set("b", value) })
			wantIs(t, "Modify, for the Set before it", err, session.ErrValue)
			err = of.Modify(t.Context(), func(d *session.Draft) error { return d.Set("b", value) })
			wantIs(t, "Modify", err, session.ErrValue)
			wantKeys(t, s.open(of).Keys(), "a")
		})
	}
}

// cycle refers to itself.
type cycle struct{ Next *cycle }

func TestCyclicValue(t *testing.T) {
	c := &cycle{}
	c.Next = c
	wantIs(t, "Set", newSite(t).m.NewSession().Set("k", c), session.ErrValue)
}

func TestRefusedKeys(t *testing.T) {
	of := newSite(t).m.NewSession()
	for _, key := range []string{"a\x00", "\x00", "\xff", "a\xc3", "\xed\xa0\x80"} {
		err := of.Set(key, 1)
		wantIs(t, fmt.Sprintf("%q", key), err, session.ErrValue)
	}
	if of.Changed() {
		t.Error("something is pending")
	}
	long := strings.Repeat("k", 1<<20) + "\x00"
	if err := of.Set(long, 1); len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// acceptedValues come back as they are, over a save and a load.
var acceptedValues = map[string]string{
	"2^53+1":         "9007199254740993",
	"−2^63":          "-9223372036854775808",
	"40 digits":      "1234567890123456789012345678901234567890",
	"minus zero":     "0",
	"nothing":        "null",
	"empty string":   `""`,
	"emoji":          `"😀"`,
	"replacement":    `"` + "\ufffd" + `"`,
	"line separator": `"` + "\u2028" + `"`,
	"delete":         `"` + "\x7f" + `"`,
	"markup":         `"<a href='x'>&amp;</a>"`,
	"100 levels":     strings.Repeat("[", 100) + strings.Repeat("]", 100),
	"object":         `{"":[],"__proto__":{"a":1},"a.b":"$[0]"}`,
	"an escape":      `"\\u0000"`,
}

func TestAcceptedValues(t *testing.T) {
	for name, text := range acceptedValues {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			of := s.m.NewSession()
			set := json.RawMessage(text)
			if name == "minus zero" {
				set = json.RawMessage("-0")
			}
			s.ok(errors.Join(of.Set("k", set), of.Save(t.Context())))
			for _, from := range []*session.Session{of, s.open(of)} {
				if raw, ok := from.Raw("k"); !ok || string(raw) != text {
					t.Errorf("%s, want %s", raw, text)
				}
			}
		})
	}
}

var hostileKeys = []string{
	"", " ", "__proto__", "constructor", `"`, `\`, "'", "a.b", "$", "$.a", "a[0]", "{a}", "*",
	"'; drop table sessions; --", "\n", "\x7f", "\u2028", "😀", "null", "0", "%s", "a/b~c", strings.Repeat("k", 10_000),
}

func TestHostileKeys(t *testing.T) {
	s := newSite(t)
	of := s.m.NewSession()
	for i, key := range hostileKeys {
		s.ok(of.Set(key, i))
	}
	s.ok(of.Save(t.Context()))
	again := s.open(of)
	if again.Len() != len(hostileKeys) {
		t.Errorf("%d entries", again.Len())
	}
	for i, key := range hostileKeys {
		wantEntry(t, fmt.Sprintf("%.20q", key), again, key, i)
		s.ok(again.Delete(key))
	}
	s.ok(again.Save(t.Context()))
	if n := s.open(of).Len(); n != 0 {
		t.Errorf("%d entries after their deletion", n)
	}
}

func TestTenThousandKeys(t *testing.T) {
	s := newSite(t)
	of := s.m.NewSession()
	for i := range 10_000 {
		s.ok(of.Set(fmt.Sprint(i), i))
	}
	s.ok(of.Save(t.Context()))
	again := s.open(of)
	if again.Len() != 10_000 {
		t.Errorf("%d entries", again.Len())
	}
	wantEntry(t, "the last", again, "9999", 9999)
}

// The limit holds for the whole session as it would stand in the row, and what exceeds it is not written.
func TestSizes(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored())
	room := 1<<20 - len(`{"k": ""}`)
	for name, c := range map[string]struct {
		size int
		set  error // of Set, which looks at the value alone
		save error
	}{
		"1,000,000 bytes":      {1_000_000, nil, nil},
		"as large as allowed":  {room, nil, nil},
		"one byte more":        {room + 1, nil, session.ErrTooLarge},
		"larger by itself":     {1 << 20, session.ErrTooLarge, session.ErrTooLarge},
		"a hundred megabytes":  {100 << 20, session.ErrTooLarge, session.ErrTooLarge},
		"characters of 2 byte": {-room / 2, nil, nil},
	} {
		value := strings.Repeat("x", max(c.size, 0))
		if c.size < 0 {
			value = strings.Repeat("é", -c.size)
		}
		wantIs(t, name+": Set", of.Set("k", value), c.set)
		wantIs(t, name+": Save", of.Save(t.Context()), c.save)
		s.ok(errors.Join(of.Delete("k"), of.Save(t.Context())))
	}
	s.ok(errors.Join(of.Set("k", strings.Repeat("x", room-10)), of.Save(t.Context())))
	other := s.open(of)
	s.ok(other.Set("more", "than is left"))
	wantIs(t, "Save", other.Save(t.Context()), session.ErrTooLarge)
	wantIs(t, "Err", other.Err(), nil)
	wantKeys(t, s.open(of).Keys(), "k")
	s.ok(errors.Join(other.Delete("k"), other.Save(t.Context()))) // goes on, smaller
	wantKeys(t, s.open(of).Keys(), "more")
}

func TestConfiguredSize(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.MaxBytes = 8 << 20 })
	of := s.m.NewSession()
	s.ok(errors.Join(of.Set("k", strings.Repeat("x", 7<<20)), of.Save(t.Context())))
	wantKeys(t, s.open(of).Keys(), "k")
}
