package session_test

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// What is set is encoded then and there.
func TestValuesDoNotChangeAfterSet(t *testing.T) {
	site := newSite(t)
	s := site.m.NewSession()
	list, raw, object := []int{1, 2}, json.RawMessage(`"raw"`), map[string]int{"n": 1}
	site.ok(errors.Join(s.Set("list", list), s.Set("raw", raw), s.Set("object", object)))
	list[0], raw[1], object["n"] = 9, 'X', 9
	check := func(when string) {
		gotList, _ := session.Get[[]int](s, "list")
		gotRaw, _ := session.Get[string](s, "raw")
		gotObject, _ := session.Get[map[string]int](s, "object")
		if !slices.Equal(gotList, []int{1, 2}) || gotRaw != "raw" || gotObject["n"] != 1 {
			t.Errorf("%s: %v %q %v", when, gotList, gotRaw, gotObject)
		}
		gotList[0] = 9
		if text, ok := s.Raw("raw"); ok {
			text[1] = 'X'
		}
		if value, err := session.Get[json.RawMessage](s, "raw"); err == nil {
			value[1] = 'X'
		}
	}
	check("before the save")
	check("after what was read was changed")
	site.ok(s.Save(t.Context()))
	check("after the save")
	site.ok(s.Load(t.Context()))
	check("after a load")
}

func TestTypedAccess(t *testing.T) {
	type user struct {
		Name string
		Tags []string `json:"tags,omitempty"`
	}
	site := newSite(t)
	s := site.m.NewSession()
	huge, _ := new(big.Int).SetString("1234567890123456789012345678901234567890", 10)
	site.ok(errors.Join(s.Set("user", user{Name: "Ann", Tags: []string{"x"}}), s.Set("int", int64(math.MaxInt64)),
		s.Set("uint", uint64(math.MaxUint64)), s.Set("huge", huge), s.Set("float", 0.1), s.Set("nil", nil),
		s.Set("time", time.Unix(0, 0).UTC()), s.Set("bytes", []byte{0, 255}), s.Set("quote", "\"\\\u2028<&")))
	for _, when := range []string{"pending", "saved", "loaded"} {
		wantEntry(t, when, s, "int", int64(math.MaxInt64))
		wantEntry(t, when, s, "uint", uint64(math.MaxUint64))
		wantEntry(t, when, s, "float", 0.1)
		wantEntry(t, when, s, "quote", "\"\\\u2028<&")
		wantEntry(t, when, s, "absent", 0)
		wantEntry(t, when, s, "huge", json.Number(huge.String()))
		wantEntry[any](t, when, s, "nil", nil)
		wantEntry(t, when, s, "time", time.Unix(0, 0).UTC())
		if u, err := session.Get[user](s, "user"); err != nil || u.Name != "Ann" || len(u.Tags) != 1 {
			t.Errorf("%s: user %v, %v", when, u, err)
		}
		if b, err := session.Get[[]byte](s, "bytes"); err != nil || !slices.Equal(b, []byte{0, 255}) {
			t.Errorf("%s: bytes %v, %v", when, b, err)
		}
		if when == "pending" {
			site.ok(s.Save(t.Context()))
		} else {
			s = site.open(s)
		}
	}
	if !s.Has("nil") {
		t.Error("an entry that is null is an entry")
	}
}

func wantEntry[T comparable](t *testing.T, when string, r session.Getter, key string, want T) {
	t.Helper()
	if got, err := session.Get[T](r, key); err != nil || got != want {
		t.Errorf("%s: %s is %v, %v; want %v", when, key, got, err, want)
	}
}

func TestEntryOfAnotherType(t *testing.T) {
	s := newSite(t).m.NewSession()
	if err := s.Set("name", "Ann"); err != nil {
		t.Fatal(err)
	}
	n, err := session.Get[int](s, "name")
	if err == nil || n != 0 {
		t.Errorf("Get: %d, %v; want an error and zero", n, err)
	}
	if _, err := session.Pop[int](s, "name"); err == nil || !s.Has("name") {
		t.Errorf("Pop: %v, still there %v; what does not decode has to stay", err, s.Has("name"))
	}
	wantIs(t, "Save", s.Save(t.Context()), nil)
}

func TestPopShowsOnce(t *testing.T) {
	site := newSite(t)
	b := site.browser(site.stored("flash"))
	var shown []string
	for range 2 {
		b.use(func(s *session.Session) error {
			text, err := session.Pop[string](s, "flash")
			shown = append(shown, text)
			return err
		})
	}
	if !slices.Equal(shown, []string{"flash's value", ""}) {
		t.Errorf("shown %q", shown)
	}
}
