package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

// counting counts the calls of its method.
type counting struct{ calls *int }

func (c counting) MarshalJSON() ([]byte, error) { *c.calls++; return []byte(`"0123456789abcdef"`), nil }

func repeated(n int, element string) json.RawMessage {
	return json.RawMessage("[" + strings.Repeat(element+",", n) + "1]")
}

// oversized are values with far more JSON than a session takes, in the forms that cost most for what they are.
func oversized() map[string]any {
	const huge = 32 << 20
	keys := map[string]int{}
	for i := range 200_000 {
		keys[fmt.Sprintf("key %d", i)] = i
	}
	type row struct{ A, B string }
	return map[string]any{
		"numbers that expand":             repeated(149_000, "5e-324"),
		"more numbers than are looked at": repeated(huge/7, "5e-324"),
		"large numbers":                   repeated(149_000, "1e308"),
		"floats":                          slices.Repeat([]float64{5e-324}, 149_000),
		"a float within an interface":     slices.Repeat([]any{1e308}, 149_000),
		"string":                          strings.Repeat("x", huge),
		"named string":                    stringOf(strings.Repeat("x", huge)),
		"string within":                   row{strings.Repeat("x", huge), ""},
		"string within a string": struct {
			S string `json:",string"`
		}{strings.Repeat("x", huge)},
		"control characters":           []string{strings.Repeat("\x01", huge)},
		"JSON string":                  json.RawMessage(`"` + strings.Repeat("x", huge) + `"`),
		"JSON string of escapes":       json.RawMessage(`"` + strings.Repeat(`\u0061`, huge/6) + `"`),
		"white space":                  json.RawMessage(strings.Repeat(" ", huge) + "1"),
		"white space, again and again": slices.Repeat([]json.RawMessage{json.RawMessage(strings.Repeat(" ", 1<<20) + "1")}, 1000),
		"bytes":                        make([]byte, huge),
		"array of bytes":               new([4 << 20]byte),
		"many strings":                 slices.Repeat([]string{"ten bytes "}, huge/10),
		"many structs":                 slices.Repeat([]row{{"some text", "more text"}}, 200_000),
		"many keys":                    keys,
		"many keys of JSON":            json.RawMessage("{" + strings.Repeat(`"k":1,`, huge/6) + `"k":1}`),
		"json.Number":                  json.Number(strings.Repeat("1", huge)),
		"marshaler":                    json.Marshaler(json.RawMessage(strings.Repeat("[", huge))),
	}
}

type stringOf string

// What is too large is refused for the price of what would have fitted, whatever it is.
func TestOversizedValuesCostNoMoreThanTheLimit(t *testing.T) {
	const limit, most = 1 << 20, 24 << 20
	for name, value := range oversized() {
		of := newSite(t).m.NewSession()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := of.Set("k", value)
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > most {
			t.Errorf("%s: Set allocates %d MB for a limit of %d MB", name, bytes>>20, limit>>20)
		}
		wantIs(t, name, err, session.ErrTooLarge)
		wantIs(t, name+": Save", of.Save(t.Context()), session.ErrTooLarge)
	}
}

// Methods of the application are called as long as there is room, and no longer.
func TestMarshalersAreNotCalledBeyondTheLimit(t *testing.T) {
	calls := 0
	list := slices.Repeat([]counting{{&calls}}, 1_000_000)
	wantIs(t, "Set", newSite(t).m.NewSession().Set("k", list), session.ErrTooLarge)
	if most := 1<<20/len(`"0123456789abcdef",`) + 1; calls > most {
		t.Errorf("%d calls, where %d fill the session", calls, most)
	}
}

func TestOversizedKey(t *testing.T) {
	err := newSite(t).m.NewSession().Set(strings.Repeat("k", 32<<20), 1)
	wantIs(t, "Set", err, session.ErrTooLarge)
	if len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// encoding/json writes U+FFFD for invalid UTF-8, as an escape. An escape that the value's own JSON has is another thing.
func TestReplacementCharacterAsAnEscape(t *testing.T) {
	type event struct {
		Text json.RawMessage
		Note string
	}
	for name, value := range map[string]any{
		"JSON": json.RawMessage(`"\ufffd"`), "JSON within": event{Text: json.RawMessage(`"\ufffd"`)}, "in capitals": event{Text: json.RawMessage(`"\uFFFD"`)},
		"beside the character": event{json.RawMessage(`["\ufffd"]`), "\ufffd"}, "in a map": map[string]json.RawMessage{"\ufffd": json.RawMessage(`{"\ufffd":1}`)},
		"a marshaler": []any{marshaled(`"\ufffd"`)},
	} {
		s := newSite(t)
		of := s.m.NewSession()
		s.ok(errors.Join(of.Set("k", value), of.Save(t.Context())))
		if raw, _ := s.open(of).Raw("k"); !strings.Contains(string(raw), "\ufffd") || strings.Contains(string(raw), `\u`) {
			t.Errorf("%s: %s", name, raw)
		}
	}
	err := newSite(t).m.NewSession().Set("k", event{json.RawMessage(`"\ufffd"`), "\xff"})
	wantIs(t, "invalid UTF-8 beside the escape", err, session.ErrValue)
}

type marshaled string

func (m marshaled) MarshalJSON() ([]byte, error) { return []byte(m), nil }
