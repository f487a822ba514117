package session_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"testing"

	"github.com/simples-go/sessions/session"
)

// contents is what a Session and a Draft have to read and change entries.
type contents interface {
	session.Entries
	Raw(key string) (json.RawMessage, bool)
	Len() int
	Keys() []string
	All() iter.Seq2[string, json.RawMessage]
	Clear() error
}

var _, _ contents = (*session.Session)(nil), (*session.Draft)(nil)

// A draft shows what a session would, whatever is stored, pending or changed in it.
func TestADraftIsLikeASession(t *testing.T) {
	site := newSite(t)
	of := site.open(site.stored("a", "b", "c"))
	site.ok(of.Set("pending", 1))
	site.ok(of.Delete("a"))
	steps := []func(e contents) error{
		func(contents) error { return nil },
		func(e contents) error { return e.Set("d", []int{1}) },
		func(e contents) error { return e.Set("b", nil) },
		func(e contents) error { return e.Delete("c") },
		func(e contents) error { return e.Clear() },
		func(e contents) error { return e.Set("e", "after") },
		func(e contents) error { return e.Delete("e") },
		func(e contents) error { return e.Clear() },
	}
	var want, got []string
	site.ok(of.Modify(t.Context(), func(d *session.Draft) error {
		for _, step := range steps {
			site.ok(step(d))
			got = append(got, shown(d))
		}
		return nil
	}))
	again := site.open(site.stored("a", "b", "c"))
	site.ok(again.Set("pending", 1))
	site.ok(again.Delete("a"))
	for _, step := range steps {
		site.ok(step(again))
		want = append(want, shown(again))
	}
	for i := range steps {
		if got[i] != want[i] {
			t.Errorf("after step %d the draft shows %s, a session %s", i, got[i], want[i])
		}
	}
	wantKeys(t, site.open(of).Keys())
}

func shown(e contents) string {
	text := fmt.Sprint(e.Len(), e.Keys(), e.Has("a"), e.Has("b"))
	for key, value := range e.All() {
		raw, ok := e.Raw(key)
		text += fmt.Sprintf(" %s=%s=%s,%v", key, value, raw, ok)
	}
	return text
}

func TestADraftGivesCopies(t *testing.T) {
	site := newSite(t)
	of := site.open(site.stored("a"))
	site.ok(of.Modify(t.Context(), func(d *session.Draft) error {
		raw, _ := d.Raw("a")
		raw[1] = 'X'
		for _, value := range d.All() {
			value[1] = 'Y'
		}
		wantEntry(t, "in the draft", d, "a", "a's value")
		return nil
	}))
	wantEntry(t, "after it", of, "a", "a's value")
}
