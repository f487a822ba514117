package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

func sealingKey(id string) session.SealingKey {
	return session.SealingKey{ID: id, Secret: bytes.Repeat([]byte(id[:1]), 32)}
}

// sealingSite seals the entry token, with the first of the keys.
func sealingSite(t testing.TB, ids ...string) *site {
	return newSite(t, func(c *session.Config) { c.Sealing = sealingWith(ids...) })
}

func sealingWith(ids ...string) session.Sealing {
	sealing := session.Sealing{Entries: []string{"token", "other"}}
	for _, id := range ids {
		sealing.Keys = append(sealing.Keys, sealingKey(id))
	}
	return sealing
}

// with is another manager on the same store.
func (s *site) with(change func(*session.Config)) *site {
	s.t.Helper()
	config := session.Config{Logger: slog.New(slog.NewTextHandler(s.log, nil))}
	change(&config)
	return &site{t: s.t, m: newManager(s.t, s.store, config), store: s.store, log: s.log, sealing: config.Sealing}
}

func (s *site) withKeys(ids ...string) *site {
	return s.with(func(c *session.Config) { c.Sealing = sealingWith(ids...) })
}

// rowText is what the store holds of an entry.
func (s *site) rowText(of *session.Session, key string) string {
	s.t.Helper()
	raw, _ := s.open(of).Raw(key)
	return string(raw)
}

func wantSealed(t *testing.T, when, text, id string) {
	t.Helper()
	if !strings.HasPrefix(text, `"sealed:1:`+id+`:`) || strings.Contains(text, "secret") {
		t.Errorf("%s: stored as %.60s, want it sealed with %s", when, text, id)
	}
}

func TestSealedEntriesWorkAsOthers(t *testing.T) {
	site := sealingSite(t, "new")
	s := site.m.NewSession()
	site.ok(errors.Join(s.Set("token", "secret"), s.Set("plain", "open")))
	for _, when := range []string{"pending", "saved", "loaded"} {
		wantEntry(t, when, s, "token", "secret")
		wantEntry(t, when, s, "plain", "open")
		raw, _ := s.Raw("token")
		wantSealed(t, when, string(raw), "new")
		for key, value := range s.All() {
			if key == "token" {
				wantSealed(t, "All, "+when, string(value), "new")
			}
		}
		if when == "pending" {
			site.ok(s.Save(t.Context()))
		} else {
			s = site.open(s)
		}
	}
	site.ok(s.Modify(t.Context(), func(d *session.Draft) error {
		wantEntry(t, "in a draft", d, "token", "secret")
		return d.Set("token", "secret 2")
	}))
	key := session.NewKey("token", "")
	if got, err := key.Modify(t.Context(), site.open(s), func(old string) (string, error) { return old + "!", nil }); got != "secret 2!" || err != nil {
		t.Errorf("Modify: %q, %v", got, err)
	}
	again := site.open(s)
	wantSealed(t, "after Modify", site.rowText(s, "token"), "new")
	if got, err := key.Pop(again); got != "secret 2!" || err != nil || again.Has("token") {
		t.Errorf("Pop: %q, %v", got, err)
	}
}

// The row key is chosen before the first save and stays: over rotations before and after it, and logins.
func TestSealedEntriesStayReadableOverRotations(t *testing.T) {
	site := sealingSite(t, "new")
	s := site.m.NewSession()
	steps := map[string]func() error{
		"0 set": func() error { return s.Set("token", "secret") }, "1 rotated without a row": s.Generate, "2 saved": func() error { return s.Save(t.Context()) },
		"3 rotated": s.Generate, "4 saved": func() error { return s.Save(t.Context()) }, "5 login": func() error { return s.Login("ann") },
		"6 saved": func() error { return s.Save(t.Context()) }, "7 loaded": func() error { return s.Load(t.Context()) },
	}
	var names []string
	for name := range steps {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		site.ok(steps[name]())
		wantEntry(t, name, s, "token", "secret")
	}
	site.ok(errors.Join(s.Destroy(t.Context()), s.Generate(), s.Set("token", "secret 2"), s.Save(t.Context())))
	wantEntry(t, "after a new beginning", site.open(s), "token", "secret 2")
}

// A login whose row a parallel request has rotated goes on in a row of its own, and takes sealed entries along.
func TestSealedEntriesComeAlongToARowOfTheirOwn(t *testing.T) {
	site := sealingSite(t, "new")
	first := site.m.NewSession()
	site.ok(errors.Join(first.Set("token", "secret"), first.Set("plain", "open"), first.Save(t.Context())))
	second := site.open(first)
	site.ok(errors.Join(second.Set("other", "secret 2"), second.Login("ann"), first.Login("ann"), first.Save(t.Context()), second.Save(t.Context())))
	if first.Handle() == second.Handle() {
		t.Fatal("the logins share a row")
	}
	again := site.open(second)
	wantEntry(t, "of the row", again, "token", "secret")
	wantEntry(t, "of its own", again, "other", "secret 2")
	wantEntry(t, "not sealed", again, "plain", "open")
	wantSealed(t, "of the row", site.rowText(second, "token"), "new")
}

func TestSealedEntriesOpenInTheirPlaceAlone(t *testing.T) {
	site := sealingSite(t, "new")
	of, victim := site.m.NewSession(), site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context()), victim.Set("plain", "x"), victim.Save(t.Context())))
	text := site.rowText(of, "token")
	put := func(on *session.Session, key, text string) *session.Session {
		plain := site.with(func(*session.Config) {})
		opened := plain.open(on)
		site.ok(errors.Join(opened.Set(key, json.RawMessage(text)), opened.Save(t.Context())))
		return site.open(on)
	}
	for name, where := range map[string]struct {
		on        *session.Session
		key, text string
	}{
		"another session": {victim, "token", text}, "another entry": {of, "other", text}, "never sealed": {victim, "token", `"planted"`},
		"cut": {of, "other", text[:len(text)-9] + `"`}, "of an unknown key": {victim, "token", strings.Replace(text, ":new:", ":lost:", 1)},
	} {
		s := put(where.on, where.key, where.text)
		got, ok, err := session.Find[string](s, where.key)
		wantIs(t, name, err, session.ErrSealed)
		if got != "" || ok || errors.Is(err, session.ErrGone) || session.StatusCode(err) != 500 || strings.Contains(err.Error(), text[20:40]) {
			t.Errorf("%s: %q, %v, %v", name, got, ok, err)
		}
		if !s.Has(where.key) || s.Err() != nil {
			t.Errorf("%s: there %v, session %v", name, s.Has(where.key), s.Err())
		}
	}
}

// A key that is gone costs the entry, not the session: it lives on, and the error names the key.
func TestALostKeyLogsNobodyOut(t *testing.T) {
	site := sealingSite(t, "old")
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Set("plain", 1), of.Login("ann"), of.Save(t.Context())))
	later := site.withKeys("new")
	s := later.open(of)
	_, err := session.Get[string](s, "token")
	wantIs(t, "Get", err, session.ErrSealed)
	if !strings.Contains(err.Error(), "old") || !strings.Contains(err.Error(), `"token"`) {
		t.Errorf("the error is %v; it has to name the key and the entry", err)
	}
	_, err = session.ModifyKey(t.Context(), s, "token", func(old string) (string, error) { return old, nil })
	wantIs(t, "Modify", err, session.ErrSealed)
	later.ok(errors.Join(s.Set("plain", 2), s.Save(t.Context()), s.Generate(), s.Save(t.Context())))
	wantEntry(t, "with the key again", site.withKeys("old").open(s), "token", "secret")
	later.ok(errors.Join(s.Set("token", "secret 2"), s.Save(t.Context())))
	wantEntry(t, "written anew", later.open(s), "token", "secret 2")
	if s.Owner() != "ann" {
		t.Errorf("owner %q", s.Owner())
	}
}

func TestWritesSealWithTheCurrentKey(t *testing.T) {
	site := sealingSite(t, "old")
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Set("other", "secret 2"), of.Save(t.Context())))
	later := site.withKeys("new", "old")
	s := later.open(of)
	wantEntry(t, "before", s, "token", "secret")
	later.ok(errors.Join(s.Set("plain", 1), s.Save(t.Context())))
	wantSealed(t, "after a save of another entry", later.rowText(s, "token"), "old")
	later.ok(errors.Join(s.Set("token", "secret"), s.Save(t.Context())))
	wantSealed(t, "after a save of it", later.rowText(s, "token"), "new")
	wantSealed(t, "beside it", later.rowText(s, "other"), "old")
	later.ok(s.Modify(t.Context(), func(*session.Draft) error { return nil }))
	wantSealed(t, "after a Modify that changes nothing", later.rowText(s, "other"), "old")
	later.ok(s.Modify(t.Context(), func(d *session.Draft) error { return d.Set("plain", 2) }))
	wantSealed(t, "after a Modify of another entry", later.rowText(s, "other"), "new")
	wantEntry(t, "after it", site.withKeys("new").open(s), "other", "secret 2")
}

func TestSealingEverything(t *testing.T) {
	all := func(c *session.Config) {
		c.Sealing = session.Sealing{All: true, Keys: []session.SealingKey{sealingKey("new")}}
	}
	site := newSite(t, all)
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("any", "secret"), of.Set("null", nil), of.Set("", 1), of.Save(t.Context())))
	for _, key := range []string{"any", "null", ""} {
		wantSealed(t, key, site.rowText(of, key), "new")
	}
	wantEntry(t, "any", site.open(of), "any", "secret")
	wantKeys(t, site.open(of).Keys(), "", "any", "null")
}

func TestPlainEntriesAreReadOnlyIfAccepted(t *testing.T) {
	site := newSite(t)
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
	_, err := session.Get[string](site.withKeys("new").open(of), "token")
	wantIs(t, "Get", err, session.ErrSealed)
	accepting := site.with(func(c *session.Config) { c.Sealing = sealingWith("new"); c.Sealing.AcceptPlain = true })
	s := accepting.open(of)
	wantEntry(t, "accepted", s, "token", "secret")
	site.ok(s.Modify(t.Context(), func(d *session.Draft) error { return d.Set("plain", 1) }))
	wantSealed(t, "after a Modify", accepting.rowText(s, "token"), "new")
}

func TestSealedEntriesInLists(t *testing.T) {
	site := sealingSite(t, "new")
	s := site.m.NewSession()
	site.ok(errors.Join(s.Login("ann"), s.Set("token", "secret"), s.Save(t.Context())))
	list, err := site.m.Sessions(t.Context(), "ann", "token")
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	wantEntry(t, "listed", list[0], "token", "secret")
	raw, _ := list[0].Raw("token")
	wantSealed(t, "listed", string(raw), "new")
}

// The limit holds for what is stored, which is a third longer.
func TestSizeOfSealedEntries(t *testing.T) {
	s := sealingSite(t, "new").m.NewSession()
	wantIs(t, "Set", s.Set("token", strings.Repeat("x", 800_000)), session.ErrTooLarge)
	s = sealingSite(t, "new").m.NewSession()
	wantIs(t, "Set", errors.Join(s.Set("token", strings.Repeat("x", 700_000)), s.Save(t.Context())), nil)
	wantIs(t, "Set and Save of more", errors.Join(s.Set("other", strings.Repeat("x", 200_000)), s.Save(t.Context())), session.ErrTooLarge)
}

// A source of keys is asked at the start, and again for a key that it did not have then.
func TestKeySource(t *testing.T) {
	asked, keys, failure := 0, []session.SealingKey{sealingKey("old")}, error(nil)
	source := func(context.Context) ([]session.SealingKey, error) { asked++; return keys, failure }
	config := func(c *session.Config) { c.Sealing = session.Sealing{Entries: []string{"token"}, KeySource: source} }
	site := newSite(t, config)
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
	wantEntry(t, "known", site.open(of), "token", "secret")
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	newer := site.withKeys("new", "old").open(of)
	site.ok(errors.Join(newer.Set("token", "secret 2"), newer.Save(t.Context())))
	for range 3 {
		_, err := session.Get[string](site.open(of), "token")
		wantIs(t, "just after the start", err, session.ErrSealed)
	}
	if asked != 1 {
		t.Errorf("asked %d times within ten seconds", asked)
	}
	failure = errMine
	if _, err := session.New(site.store, session.Config{Sealing: session.Sealing{All: true, KeySource: source}}); !errors.Is(err, errMine) {
		t.Errorf("New: %v, want the source's error", err)
	}
}

// A key that has become the current one is learnt of by whoever seals, five minutes later at the most, without waiting;
// if the source fails, the keys of before stay.
func TestTheCurrentKeyIsLearnt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, keys, failure := 0, []session.SealingKey{sealingKey("old"), sealingKey("new")}, error(nil)
		answer := make(chan struct{}, 9)
		source := func(context.Context) ([]session.SealingKey, error) { <-answer; asked++; return keys, failure }
		answer <- struct{}{}
		site := newSite(t, func(c *session.Config) { c.Sealing = session.Sealing{Entries: []string{"token"}, KeySource: source} })
		of := site.m.NewSession()
		seal := func(want string) {
			t.Helper()
			site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
			wantSealed(t, "sealed", site.rowText(of, "token"), want)
		}
		keys = []session.SealingKey{sealingKey("new"), sealingKey("old")}
		time.Sleep(5*time.Minute - 1)
		if seal("old"); asked != 1 {
			t.Errorf("asked %d times before five minutes", asked)
		}
		time.Sleep(time.Nanosecond)
		seal("old") // the source has not answered
		seal("old")
		answer <- struct{}{}
		if synctest.Wait(); asked != 2 {
			t.Errorf("asked %d times", asked)
		}
		seal("new")
		failure = errMine
		time.Sleep(5 * time.Minute)
		answer <- struct{}{}
		seal("new")
		synctest.Wait()
		if seal("new"); asked != 3 || !strings.Contains(site.log.String(), errMine.Error()) {
			t.Errorf("asked %d times; log %s", asked, site.log)
		}
		site.ok(site.m.Shutdown(t.Context()))
	})
}

// A source that panics in the background ends no process.
func TestASourceThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		source := func(context.Context) ([]session.SealingKey, error) {
			if asked++; asked > 1 {
				panic("no")
			}
			return []session.SealingKey{sealingKey("old")}, nil
		}
		site := newSite(t, func(c *session.Config) { c.Sealing = session.Sealing{All: true, KeySource: source} })
		of := site.m.NewSession()
		time.Sleep(5 * time.Minute)
		site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
		synctest.Wait()
		wantEntry(t, "sealed", site.open(of), "token", "secret")
		if asked != 2 || !strings.Contains(site.log.String(), "panicked") {
			t.Errorf("asked %d times; log %s", asked, site.log)
		}
		site.ok(site.m.Shutdown(t.Context()))
	})
}

func TestSealingIsChecked(t *testing.T) {
	key := sealingKey("k")
	source := func(context.Context) ([]session.SealingKey, error) { return nil, nil }
	for name, sealing := range map[string]session.Sealing{
		"no keys": {All: true}, "nothing to seal": {Keys: []session.SealingKey{key}}, "two sources": {All: true, Keys: []session.SealingKey{key}, KeySource: source},
		"a source without keys": {All: true, KeySource: source}, "twice": {All: true, Keys: []session.SealingKey{key, key}},
		"short": {All: true, Keys: []session.SealingKey{{ID: "k", Secret: []byte("short")}}}, "no id": {All: true, Keys: []session.SealingKey{{Secret: key.Secret}}},
		"an entry's name": {Entries: []string{"\x00"}, Keys: []session.SealingKey{key}},
	} {
		_, err := session.New(newSite(t).store, session.Config{Sealing: sealing})
		if err == nil || strings.Contains(err.Error(), "short") && name == "short" || strings.Contains(err.Error(), string(key.Secret)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSealingKeysRedactThemselves(t *testing.T) {
	key := session.SealingKey{ID: "k", Secret: bytes.Repeat([]byte("S"), 32)}
	config := session.Config{Sealing: session.Sealing{All: true, Keys: []session.SealingKey{key}}}
	asJSON, _ := json.Marshal(config.Sealing.Keys)
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("", "key", key)
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", key, key, key, key), fmt.Sprintf("%+v", config), string(asJSON), logged.String()} {
		if strings.Contains(text, "SSSS") || strings.Contains(text, "83 83") || strings.Contains(text, "U1NT") || strings.Contains(text, "0x53") {
			t.Errorf("the key is shown in %s", text)
		}
	}
}
