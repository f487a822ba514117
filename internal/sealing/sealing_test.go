package sealing_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/simples-go/sessions/internal/sealing"
)

func key(id string, seed byte) sealing.Key {
	return sealing.Key{ID: id, Secret: bytes.Repeat([]byte{seed}, sealing.KeyBytes)}
}

var (
	here   = sealing.Place{Realm: "realm", Row: [16]byte{1, 2}, Name: "name"}
	places = map[string]sealing.Place{
		"another realm": {"realms", here.Row, "name", 0}, "another row": {"realm", [16]byte{1, 3}, "name", 0},
		"another entry": {"realm", here.Row, "names", 0}, "the same letters": {"realmn", here.Row, "ame", 0}, "nowhere": {},
		"with an end": {"realm", here.Row, "name", 7},
	}
)

// What is sealed until an end opens with that end alone: with no other, with none, and not with the end's bytes as a name's.
func TestSealedValuesOpenWithTheirEndAlone(t *testing.T) {
	k, until := key("2026-11", 1), here
	until.Ends = 7
	text, err := sealing.Seal(k, until, []byte(`1`))
	if err != nil {
		t.Fatal(err)
	}
	if value, err := sealing.Open(k, until, text); err != nil || string(value) != `1` {
		t.Errorf("with its end: %s, %v", value, err)
	}
	later, named := until, here
	later.Ends, named.Name = 8, "\x00\x00\x00\x00\x00\x00\x00\x07name"
	for name, place := range map[string]sealing.Place{"a later end": later, "no end": here, "a name": named} {
		if value, err := sealing.Open(k, place, text); err == nil {
			t.Errorf("with %s: %s", name, value)
		}
	}
}

func seal(t testing.TB, k sealing.Key, value string) []byte {
	t.Helper()
	text, err := sealing.Seal(k, here, []byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSealedValuesOpenInTheirPlaceAlone(t *testing.T) {
	k := key("2026-11", 1)
	text := seal(t, k, `{"a":1}`)
	if !json.Valid(text) || bytes.Contains(text, []byte(`a":1`)) || len(text) != sealing.Size(k.ID, 7) {
		t.Errorf("sealed as %s", text)
	}
	if id, ok := sealing.KeyID(text); id != "2026-11" || !ok {
		t.Errorf("sealed with %q, %v", id, ok)
	}
	if value, err := sealing.Open(k, here, text); string(value) != `{"a":1}` || err != nil {
		t.Errorf("opened as %q, %v", value, err)
	}
	for name, place := range places {
		if value, err := sealing.Open(k, place, text); err == nil {
			t.Errorf("%s: opened as %q", name, value)
		}
	}
	if value, err := sealing.Open(key("2026-11", 2), here, text); err == nil {
		t.Errorf("another key of the same id opens %q", value)
	}
	if bytes.Equal(text, seal(t, k, `{"a":1}`)) {
		t.Error("the same value is sealed alike twice")
	}
}

func TestChangedTextDoesNotOpen(t *testing.T) {
	k := key("k", 1)
	text := seal(t, k, `"secret"`)
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1
		if value, err := sealing.Open(k, here, changed); err == nil {
			t.Errorf("with byte %d changed it opens as %q", i, value)
		}
		if value, err := sealing.Open(k, here, text[:i]); err == nil {
			t.Errorf("cut at %d it opens as %q", i, value)
		}
	}
}

func TestKeysAreChecked(t *testing.T) {
	if err := key("a.B-9_", 1).Check(); err != nil {
		t.Error(err)
	}
	for _, bad := range []sealing.Key{key("", 1), key("a:b", 1), key(`a"`, 1), key("é", 1), key(string(make([]byte, 65)), 1), {ID: "short", Secret: make([]byte, 16)}, {ID: "none"}} {
		if bad.Check() == nil {
			t.Errorf("%q is taken", bad.ID)
		}
	}
}

// FuzzOpen: no text opens as what was not sealed, and none panics.
func FuzzOpen(f *testing.F) {
	k := key("k", 1)
	text := seal(f, k, "1")
	f.Add(text, "name")
	f.Add([]byte(`"sealed:1:k:"`), "")
	f.Add([]byte(`"sealed:1::"`), "")
	f.Add([]byte(`"sealed:1:k:AAAA"`), "name")
	f.Fuzz(func(t *testing.T, some []byte, name string) {
		place := sealing.Place{Realm: "realm", Row: here.Row, Name: name}
		value, err := sealing.Open(k, place, some)
		if err == nil && string(value) != "1" { // another process may have sealed that
			t.Fatalf("%q opens as %q", some, value)
		}
		sealed, err := sealing.Seal(k, place, some)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := sealing.Open(k, place, sealed); err != nil || !bytes.Equal(back, some) {
			t.Fatalf("%q comes back as %q, %v", some, back, err)
		}
	})
}
