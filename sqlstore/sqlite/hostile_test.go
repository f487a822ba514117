package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// Rows that somebody else has written past the table's constraint.
func TestCorruptRowsAreErrorsAndCanBeDeleted(t *testing.T) {
	s := open(t, newPath(t))
	for _, data := range []string{
		"null", "[]", `"x"`, "", " ", "1", "true", "{", "}", `{"a":1`, `{"a":1} x`, `{"a":1}{"b":2}`, `{"a":1}}`, `{"a":"}`,
		`{"a":"\"}`, `[{}]`, "\x00{}", `{"a":[}`, "\ufeff{}",
	} {
		ref := created(t, s, set("a", "1"))
		edit(t, s, "update sessions set data = ? where id = ?", data, ref.Key[:])
		if _, err := s.Load(t.Context(), ref); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("load of %q: %v", data, err)
		}
		if _, err := s.Save(t.Context(), ref, set("a", "2")); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("save over %q: %v", data, err)
		}
		if _, err := s.Touch(t.Context(), ref); err != nil {
			t.Errorf("touch of %q: %v", data, err)
		}
		if err := s.Delete(t.Context(), ref); err != nil {
			t.Errorf("delete of %q: %v", data, err)
		}
		if _, err := s.Load(t.Context(), ref); !errors.Is(err, store.ErrGone) {
			t.Errorf("after the delete of %q: %v", data, err)
		}
	}
}

// What is wrong within an object is not looked for in a load, and found by whoever reads the object: a save.
func TestWhatIsWrongWithinAnObjectIsFoundByASave(t *testing.T) {
	s := open(t, newPath(t))
	for _, data := range []string{`{"a":}`, `{a:1}`, `{"a":1,}`, `{"a":tru}`, `{"a" 1}`, `{"a":1e}`} {
		ref := created(t, s, set("a", "1"))
		edit(t, s, "update sessions set data = ? where id = ?", data, ref.Key[:])
		if _, err := s.Save(t.Context(), ref, set("b", "2")); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("save over %q: %v", data, err)
		}
	}
}

func TestObjectsPass(t *testing.T) {
	for _, data := range []string{
		"{}", " {} ", `{"a":{"b":[{"c":"}]"}]}}`, "\n{\"a\":1}\t", `{"\\":"\\\\"}`, `{"a\"b":"\\\""}`,
		`{"a":"` + strings.Repeat(`\\`, 999) + `"}`,
	} {
		if err := checkObject([]byte(data)); err != nil {
			t.Errorf("%q: %v", data, err)
		}
	}
}

func TestTheTableRefusesWhatIsNoObject(t *testing.T) {
	s := open(t, newPath(t))
	ref := created(t, s, set("a", "1"))
	for _, data := range []string{"null", "[]", `"x"`, "", `{"a":1} x`, `{"a":}`} {
		err := s.writer.transact(t.Context(), false, func(c *conn) error {
			_, err := c.exec(updateData, int64(9), []byte(data), ref.Key[:])
			return err
		})
		if err == nil {
			t.Errorf("the table has taken %q", data)
		}
	}
}

// A hash that is no hash is an error of the database's contents, and does not end the process.
func TestARowOfAnotherMakeIsAnError(t *testing.T) {
	s := open(t, newPath(t))
	ref := created(t, s, set("a", "1"))
	edit(t, s, "update sessions set secret_hash = x'00'")
	if _, err := s.Load(t.Context(), ref); err == nil || errors.Is(err, store.ErrGone) {
		t.Errorf("got %v", err)
	}
}
