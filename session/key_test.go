package session_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

func TestTypedKeys(t *testing.T) {
	site := newSite(t)
	theme := session.NewKey("theme", "light")
	s := site.m.NewSession()
	for _, want := range []string{"light", "dark", "light"} {
		if got, err := theme.Get(s); err != nil || got != want {
			t.Errorf("theme %q, %v; want %q", got, err, want)
		}
		if want == "dark" {
			site.ok(theme.Delete(s))
		} else {
			site.ok(theme.Set(s, "dark"))
		}
	}
	site.ok(errors.Join(theme.Delete(s), s.Set("theme", 1)))
	if got, err := theme.Get(s); err == nil || got != "" {
		t.Errorf("an entry of another type: %q, %v", got, err)
	}
	if theme.Name() != "theme" {
		t.Errorf("name %q", theme.Name())
	}
}

// A default that holds references is no session's own: what one does to it no other sees.
func TestADefaultIsNotShared(t *testing.T) {
	type item struct{ Tags []string }
	site := newSite(t)
	basket, list := session.NewKey("basket", map[string]int{"tea": 1}), session.NewKey("list", []string{"a"})
	inner, pointer := session.NewKey("inner", [1]item{{Tags: []string{"a"}}}), session.NewKey("pointer", &item{Tags: []string{"a"}})
	for range 2 {
		s := site.m.NewSession()
		b, err := basket.Get(s)
		l, errL := list.Pop(s)
		i, errI := inner.Get(s)
		p, _, errP := pointer.Find(s)
		site.ok(errors.Join(err, errL, errI, errP))
		if b["tea"] != 1 || l[0] != "a" || i[0].Tags[0] != "a" || p.Tags[0] != "a" {
			t.Errorf("another session's: %v, %v, %v, %v", b, l, i, p)
		}
		b["tea"]++
		l[0], i[0].Tags[0], p.Tags[0] = "b", "b", "b"
	}
	if n, err := session.NewKey[any]("n", 1).Get(site.m.NewSession()); err != nil || n != 1 {
		t.Errorf("a default without references: %T, %v", n, err)
	}
	since := time.Now()
	if got, err := session.NewKey("since", since).Get(site.m.NewSession()); err != nil || got != since {
		t.Errorf("a default without references: %v, %v", got, err)
	}
}

// eachEntries runs a test on all that can be read and changed.
func eachEntries(t *testing.T, test func(t *testing.T, site *site, e session.Entries)) {
	t.Run("session", func(t *testing.T) {
		site := newSite(t)
		test(t, site, site.open(site.stored("a")))
	})
	t.Run("draft", func(t *testing.T) {
		site := newSite(t)
		site.ok(site.open(site.stored("a")).Modify(t.Context(), func(d *session.Draft) error {
			test(t, site, d)
			return nil
		}))
	})
}

func TestFindTellsWhatIsThere(t *testing.T) {
	eachEntries(t, func(t *testing.T, site *site, e session.Entries) {
		site.ok(errors.Join(e.Set("zero", 0), e.Set("null", nil), e.Set("text", "x")))
		for key, want := range map[string]struct {
			n      int
			ok     bool
			failed bool
		}{"zero": {0, true, false}, "null": {0, true, false}, "text": {0, true, true}, "absent": {0, false, false}} {
			if n, ok, err := session.Find[int](e, key); n != want.n || ok != want.ok || (err != nil) != want.failed {
				t.Errorf("%s: %d, %v, %v", key, n, ok, err)
			}
			def := 7
			if !want.ok {
				want.n = def
			}
			k := session.NewKey(key, def)
			if n, ok, err := k.Find(e); n != want.n || ok != want.ok || (err != nil) != want.failed || k.Has(e) != want.ok {
				t.Errorf("Key %s: %d, %v, %v, has %v", key, n, ok, err, k.Has(e))
			}
		}
	})
}

func TestPopOfAKey(t *testing.T) {
	eachEntries(t, func(t *testing.T, site *site, e session.Entries) {
		flash := session.NewKey("flash", "nothing")
		site.ok(flash.Set(e, "hello"))
		for _, want := range []string{"hello", "nothing"} {
			if got, err := flash.Pop(e); got != want || err != nil || flash.Has(e) {
				t.Errorf("popped %q, %v, still there %v; want %q", got, err, flash.Has(e), want)
			}
		}
		site.ok(e.Set("flash", 1))
		if got, err := flash.Pop(e); err == nil || !flash.Has(e) {
			t.Errorf("an entry of another type: popped %q, %v, still there %v", got, err, flash.Has(e))
		}
	})
}

func TestModifyOfAKey(t *testing.T) {
	site := newSite(t)
	lives := session.NewKey("lives", 3)
	s := site.stored("a")
	other := site.open(s)
	less := func(n int) (int, error) { return n - 1, nil }
	for i, one := range []*session.Session{s, other, s} {
		if n, err := lives.Modify(t.Context(), one, less); n != 2-i || err != nil {
			t.Errorf("%d, %v, want %d", n, err, 2-i)
		}
	}
	if n, err := lives.Modify(t.Context(), s, func(int) (int, error) { return 9, errMine }); n != 0 || err != errMine {
		t.Errorf("%d, %v; want the function's error and zero", n, err)
	}
	wantEntry(t, "stored", site.open(s), "lives", 0)
}

func TestKeysReadLists(t *testing.T) {
	site := newSite(t)
	browser := session.NewKey("browser", "unknown")
	s := site.m.NewSession()
	site.ok(errors.Join(s.SetOwner("ann"), browser.Set(s, "Firefox"), s.Save(t.Context())))
	list, err := site.m.Sessions(t.Context(), "ann", "browser")
	if err != nil || len(list) != 1 || !browser.Has(list[0]) || list[0].Has("other") || !slices.Equal(list[0].Keys(), []string{"browser"}) {
		t.Errorf("%v, %v", list, err)
	}
	if got, ok, err := browser.Find(list[0]); got != "Firefox" || !ok || err != nil {
		t.Errorf("%q, %v, %v", got, ok, err)
	}
}
