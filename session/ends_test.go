package session_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

const tenMinutes = 10 * time.Minute

// row is what the store holds of a session's entries.
func (s *site) row(of *session.Session) map[string]json.RawMessage {
	s.t.Helper()
	keys := []string{"over", "stays", "token", "other", "fresh", "a", "k"}
	policy := store.Policy{Timeouts: store.Timeouts{Absolute: session.MaxTimeout}}
	rows, err := s.store.Find(s.t.Context(), store.Selector{Key: of.Handle()}, keys, policy)
	s.ok(err)
	if len(rows) != 1 {
		s.t.Fatalf("%d rows of the session", len(rows))
	}
	var held map[string]json.RawMessage
	s.ok(json.Unmarshal(rows[0].Data, &held))
	return held
}

// clock is the store's.
func (s *site) clock() time.Time {
	s.t.Helper()
	now, err := s.store.Store.Now(s.t.Context())
	s.ok(err)
	return now
}

// end is when an entry ends that a row holds, the zero time if it does not.
func end(t testing.TB, text json.RawMessage) time.Time {
	t.Helper()
	var in struct {
		Ends  *int64          `json:"$ends"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &in); err != nil || in.Ends == nil || in.Value == nil {
		return time.Time{}
	}
	return time.UnixMilli(*in.Ends)
}

// wantEnd checks that an entry ends d after it was set, which was between two times of the store's clock. The session's
// estimate of that clock may be behind it by as long as its answers take.
func wantEnd(t *testing.T, when string, text json.RawMessage, from, to time.Time, d time.Duration) {
	t.Helper()
	const late = 30 * time.Second
	if at := end(t, text); at.Before(from.Add(d-late)) || at.After(to.Add(d)) {
		t.Errorf("%s: %s ends at %v, set between %v and %v for %v", when, text, at, from, to, d)
	}
}

// endingSites are one whose entries are plain, and one that seals them.
func endingSites(t *testing.T, test func(t *testing.T, site *site)) {
	t.Run("plain", func(t *testing.T) { test(t, newSite(t)) })
	t.Run("sealed", func(t *testing.T) {
		test(t, newSite(t, func(c *session.Config) {
			c.Sealing = session.Sealing{All: true, Keys: []session.SealingKey{sealingKey("new")}}
		}))
	})
}

// reader is what reads entries by name.
type reader interface {
	session.Getter
	Raw(key string) (json.RawMessage, bool)
	Keys() []string
}

// wantThere checks every way to read the entry over, beside one that stays.
func wantThere(t *testing.T, when string, r reader, there bool) {
	t.Helper()
	over, keys, n := 0, []string{"stays"}, 1
	if there {
		over, keys, n = 7, []string{"over", "stays"}, 2
	}
	wantEntry(t, when, r, "over", over)
	wantEntry(t, when, r, "stays", 1)
	wantKeys(t, r.Keys(), keys...)
	_, found, err := session.Find[int](r, "over")
	raw, isRaw := r.Raw("over")
	if found != there || err != nil || r.Has("over") != there || isRaw != there || session.NewKey("over", 0).Has(r) != there {
		t.Errorf("%s: found %v, %v, has %v, raw %v; want %v", when, found, err, r.Has("over"), isRaw, there)
	}
	if strings.Contains(string(raw), "$ends") {
		t.Errorf("%s: the entry's text is %s", when, raw)
	}
	if got, err := session.NewKey("over", -1).Get(r); err != nil || (got == -1) == there {
		t.Errorf("%s: with a default %d, %v", when, got, err)
	}
	if e, ok := r.(interface {
		session.Entries
		Len() int
	}); ok && e.Len() != n {
		t.Errorf("%s: %d entries, want %d", when, e.Len(), n)
	}
	var all map[string]json.RawMessage
	switch e := r.(type) {
	case *session.Session:
		all = maps.Collect(e.All())
	case *session.Draft:
		all = maps.Collect(e.All())
	default:
		return
	}
	if wantKeys(t, slices.Sorted(maps.Keys(all)), keys...); strings.Contains(string(all["over"]), "$ends") {
		t.Errorf("%s: All has %s", when, all["over"])
	}
}

// From its end on nothing shows an entry: in the session, in a function of Modify, in lists.
func TestAnEntryEnds(t *testing.T) {
	endingSites(t, func(t *testing.T, site *site) {
		s := site.m.NewSession()
		site.ok(errors.Join(s.SetOwner("ann"), s.Set("stays", 1), s.SetFor("over", 7, tenMinutes)))
		wantThere(t, "pending", s, true)
		site.ok(s.Save(t.Context()))
		wantThere(t, "saved", s, true)
		for _, there := range []bool{true, false} {
			when := fmt.Sprintf("there %v", there)
			opened := site.open(s)
			wantThere(t, when, opened, there)
			list, err := site.m.Sessions(t.Context(), "ann", "over", "stays")
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			wantThere(t, when+", listed", list[0], there)
			site.ok(opened.Modify(t.Context(), func(d *session.Draft) error {
				wantThere(t, when+", in a draft", d, there)
				return nil
			}))
			site.store.Advance(tenMinutes)
		}
		s = site.open(s)
		popped, err := session.NewKey("over", -1).Pop(s)
		if popped != -1 || err != nil || s.Changed() {
			t.Errorf("popped %d, %v, changed %v", popped, err, s.Changed())
		}
		if n, err := session.ModifyKey(t.Context(), s, "over", func(n int) (int, error) { return n + 1, nil }); n != 1 || err != nil {
			t.Errorf("modified to %d, %v; want it to begin anew", n, err)
		}
		wantEntry(t, "set anew", site.open(s), "over", 1)
	})
}

// The instant of the end is the first without the entry.
func TestAnEntryEndsAtTheMillisecond(t *testing.T) {
	site := newSite(t)
	s := site.stored("stays")
	for _, c := range []struct {
		left  time.Duration
		there bool
	}{{time.Hour, true}, {0, false}, {-time.Hour, false}} {
		text := fmt.Sprintf(`{"$ends":%d,"value":7}`, site.clock().Add(c.left).UnixMilli())
		change := store.Change{Set: map[string]json.RawMessage{"over": json.RawMessage(text)}}
		_, err := site.store.Save(t.Context(), site.ref(s), change)
		site.ok(err)
		if got := site.open(s).Has("over"); got != c.there {
			t.Errorf("%v before its end: there %v", c.left, got)
		}
	}
}

// ref opens any row, as the store sees it.
func (s *site) ref(of *session.Session) store.Ref {
	s.t.Helper()
	rows, err := s.store.Inspect(s.t.Context(), []store.Handle{of.Handle()})
	s.ok(err)
	policy := store.Policy{Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}}
	return store.Ref{Key: of.Handle(), Hash: rows[0].Hash, Policy: policy}
}

// What has no end is stored as it is, and nothing is asked of the store for it.
func TestEntriesWithoutAnEndAreStoredAsTheyAre(t *testing.T) {
	site := newSite(t)
	s := site.m.NewSession()
	site.ok(errors.Join(s.Set("a", map[string]any{"value": 1, "x": nil}), s.Set("k", "text")))
	site.ok(errors.Join(s.SetFor("over", 7, tenMinutes), s.Set("over", 8), s.Save(t.Context())))
	if events := site.store.taken(); !slices.Equal(events, []string{"create"}) {
		t.Errorf("the store did %v", events)
	}
	for key, want := range map[string]string{"a": `{"value":1,"x":null}`, "k": `"text"`, "over": `8`} {
		if got := string(site.row(s)[key]); got != want {
			t.Errorf("%s is stored as %s, want %s", key, got, want)
		}
	}
}

// shifts are by how much the store's clock may differ from the process's.
var shifts = []time.Duration{0, time.Hour, -time.Hour}

// The end is reckoned by the store's clock and not by the process's, however far they are apart and whether the session
// has seen a row or not.
func TestEndsAreOfTheStoresClock(t *testing.T) {
	ways := map[string]func(site *site) (*session.Session, error){
		"a new session": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, errors.Join(s.SetFor("over", 7, tenMinutes), s.Save(t.Context()))
		},
		"a new session, kept": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, errors.Join(s.SetFor("over", 7, tenMinutes), s.Rotate(), s.Save(t.Context()), s.Set("k", 1), s.Save(t.Context()))
		},
		"a loaded session": func(site *site) (*session.Session, error) {
			s := site.open(site.stored("a"))
			return s, errors.Join(s.SetFor("over", 7, tenMinutes), s.Save(t.Context()))
		},
		"a new session's Modify": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, s.Modify(t.Context(), func(d *session.Draft) error { return d.SetFor("over", 7, tenMinutes) })
		},
		"a new session's Modify of something else": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, errors.Join(s.SetFor("over", 7, tenMinutes), s.Modify(t.Context(), func(d *session.Draft) error { return d.Set("k", 1) }))
		},
		"a new session's Modify that fails": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			err := errors.Join(s.SetFor("over", 7, tenMinutes), s.Set("k", 1))
			failing := func(d *session.Draft) error { return errors.Join(d.SetFor("over", 8, time.Hour), errMine) }
			if got := s.Modify(t.Context(), failing); !errors.Is(got, errMine) {
				return s, fmt.Errorf("Modify: %w", got)
			}
			return s, errors.Join(err, s.Save(t.Context()))
		},
		"a loaded session's Modify": func(site *site) (*session.Session, error) {
			s := site.open(site.stored("a"))
			return s, s.Modify(t.Context(), func(d *session.Draft) error { return d.SetFor("over", 7, tenMinutes) })
		},
		"a key": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, errors.Join(session.NewKey("over", 0).EndsAfter(tenMinutes).Set(s, 7), s.Save(t.Context()))
		},
		"a key's Modify": func(site *site) (*session.Session, error) {
			s := site.open(site.stored("a"))
			_, err := session.NewKey("over", 6).EndsAfter(tenMinutes).Modify(t.Context(), s, func(n int) (int, error) { return n + 1, nil })
			return s, err
		},
		"a key's SetFor": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			return s, errors.Join(session.NewKey("over", 0).SetFor(s, 7, tenMinutes), s.Save(t.Context()))
		},
		"after a logout": func(site *site) (*session.Session, error) {
			s := site.open(site.stored("a"))
			return s, errors.Join(s.Destroy(t.Context()), s.Rotate(), s.SetFor("over", 7, tenMinutes), s.Save(t.Context()))
		},
		"set while a row is made": func(site *site) (*session.Session, error) {
			s := site.m.NewSession()
			err := s.Set("k", 1)
			site.store.beforeNext("create", func() { err = errors.Join(err, s.SetFor("over", 7, tenMinutes)) })
			return s, errors.Join(err, s.Save(t.Context()), s.Save(t.Context()))
		},
	}
	endingSites(t, func(t *testing.T, fresh *site) {
		for name, set := range ways {
			for _, shift := range shifts {
				site := fresh.with(func(c *session.Config) { *c = withSealing(*c, fresh) })
				site.store.Advance(shift)
				from := site.clock()
				s, err := set(site)
				when := fmt.Sprintf("%s, clock shifted by %v", name, shift)
				if err != nil {
					t.Fatalf("%s: %v", when, err)
				}
				wantEnd(t, when, site.row(s)["over"], from, site.clock(), tenMinutes)
				opened := site.open(s)
				wantEntry(t, when, s, "over", 7)
				wantEntry(t, when+", opened", opened, "over", 7)
				site.store.Advance(tenMinutes)
				wantEntry(t, when+", over", site.open(s), "over", 0)
				site.store.Advance(-shift - tenMinutes)
			}
		}
	})
}

// withSealing is a configuration that seals as the site does.
func withSealing(c session.Config, like *site) session.Config {
	c.CollectInterval, c.Sealing = -1, like.sealing
	return c
}

// A store that does not say what its clock shows fails the save, not the Set, and everything stays pending.
func TestAClockThatFails(t *testing.T) {
	endingSites(t, func(t *testing.T, site *site) {
		site.store.Advance(time.Hour)
		from, s := site.clock(), site.m.NewSession()
		site.store.failBefore(errDown, "now")
		site.ok(errors.Join(s.SetFor("over", 7, tenMinutes), s.Set("k", 1)))
		wantIs(t, "Save", s.Save(t.Context()), errDown)
		wantIs(t, "Modify", s.Modify(t.Context(), func(d *session.Draft) error { return d.Set("k", 2) }), errDown)
		if events := site.store.taken(); slices.Contains(events, "create") || !s.Changed() || !s.IsNew() {
			t.Errorf("the store did %v, changed %v, new %v", events, s.Changed(), s.IsNew())
		}
		site.store.failBefore(nil)
		site.ok(s.Save(t.Context()))
		wantEnd(t, "saved in the end", site.row(s)["over"], from, site.clock(), tenMinutes)
		wantEntry(t, "saved in the end", site.open(s), "k", 1)
		if events := site.store.taken(); !slices.Equal(events, []string{"now", "create", "load"}) {
			t.Errorf("the store did %v", events)
		}
	})
}

// count modifies the entry k.
func count(t *testing.T, s *session.Session) error {
	t.Helper()
	_, err := session.ModifyKey(t.Context(), s, "k", func(n int) (int, error) { return n + 1, nil })
	return err
}

// A save removes what has ended, if nobody has changed the session since it was loaded.
func TestWhatHasEndedIsRemoved(t *testing.T) {
	for name, change := range map[string]func(s *session.Session) error{
		"a save":   func(s *session.Session) error { return errors.Join(s.Set("k", 1), s.Save(t.Context())) },
		"a Modify": func(s *session.Session) error { return count(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			endingSites(t, func(t *testing.T, site *site) {
				s := site.m.NewSession()
				site.ok(errors.Join(s.Set("stays", 1), s.SetFor("over", 7, tenMinutes), s.Save(t.Context())))
				site.ok(change(site.open(s)))
				if _, held := site.row(s)["over"]; !held {
					t.Error("it is removed before its end")
				}
				site.store.Advance(tenMinutes)
				later := site.open(s)
				site.ok(change(later))
				if row := site.row(s); len(row) != 2 || row["stays"] == nil || row["k"] == nil {
					t.Errorf("the row holds %s", row)
				}
				site.ok(change(later))
				wantEntry(t, "after two saves", site.open(s), "stays", 1)
			})
		})
	}
}

// What a sibling has set anew stays, whatever a connection does that has seen the entry's end alone.
func TestWhatASiblingSetsAnewStays(t *testing.T) {
	changes := map[string]func(site *site, s *session.Session, fresh func()) error{
		"a save": func(_ *site, s *session.Session, fresh func()) error {
			fresh()
			return errors.Join(s.Set("k", 1), s.Save(t.Context()))
		},
		"a Delete": func(_ *site, s *session.Session, fresh func()) error {
			fresh()
			return errors.Join(s.Delete("over"), s.Set("k", 1), s.Save(t.Context()))
		},
		"a Pop": func(_ *site, s *session.Session, fresh func()) error {
			fresh()
			_, err := session.Pop[int](s, "over")
			return errors.Join(err, s.Set("k", 1), s.Save(t.Context()))
		},
		"a Clear of nothing else": func(_ *site, s *session.Session, fresh func()) error {
			fresh()
			return errors.Join(s.Delete("stays"), s.Clear(), s.Set("k", 1), s.Save(t.Context()))
		},
		"a save that is under way": func(site *site, s *session.Session, fresh func()) error {
			site.store.beforeNext("save", fresh)
			return errors.Join(s.Set("k", 1), s.Save(t.Context()))
		},
		"two saves": func(site *site, s *session.Session, fresh func()) error {
			err := errors.Join(s.Set("k", 0), s.Save(t.Context()))
			fresh()
			return errors.Join(err, s.Set("k", 1), s.Save(t.Context()), s.Set("k", 2), s.Save(t.Context()))
		},
		"a Modify": func(site *site, s *session.Session, fresh func()) error {
			site.store.beforeNext("save", fresh)
			return count(t, s)
		},
		"a rotation": func(site *site, s *session.Session, fresh func()) error {
			fresh()
			return errors.Join(s.Rotate(), s.Set("k", 1), s.Save(t.Context()))
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			endingSites(t, func(t *testing.T, site *site) {
				s := site.m.NewSession()
				site.ok(errors.Join(s.Set("stays", 1), s.SetFor("over", 7, tenMinutes), s.Save(t.Context())))
				site.store.Advance(tenMinutes)
				of, sibling := site.open(s), site.open(s)
				site.ok(change(site, of, func() {
					site.ok(errors.Join(sibling.SetFor("over", 8, tenMinutes), sibling.Save(t.Context())))
				}))
				wantEntry(t, "set anew", site.open(of), "over", 8)
				if !site.open(of).Has("k") {
					t.Error("the other entry is not there")
				}
			})
		})
	}
}

// Who writes to the table can neither put an end off, nor bring it forward, nor take it away.
func TestTheEndOfASealedEntryIsSealed(t *testing.T) {
	site := sealingSite(t, "new")
	of := site.m.NewSession()
	site.ok(errors.Join(of.SetFor("token", "secret", tenMinutes), of.Set("other", "secret 2"), of.Save(t.Context())))
	held := site.row(of)
	var in struct {
		Ends  int64           `json:"$ends"`
		Value json.RawMessage `json:"value"`
	}
	site.ok(json.Unmarshal(held["token"], &in))
	wantSealed(t, "with an end", string(in.Value), "new")
	envelope := func(ends any, value json.RawMessage) string {
		return fmt.Sprintf(`{"$ends":%v,"value":%s}`, ends, value)
	}
	for name, c := range map[string]struct{ key, text string }{
		"put off": {"token", envelope(in.Ends+1, in.Value)}, "brought forward": {"token", envelope(in.Ends-1, in.Value)},
		"taken away": {"token", string(in.Value)}, "for good": {"token", envelope("null", in.Value)},
		"given to one without": {"other", envelope(in.Ends, held["other"])},
	} {
		change := store.Change{Set: map[string]json.RawMessage{c.key: json.RawMessage(c.text)}}
		_, err := site.store.Save(t.Context(), site.ref(of), change)
		site.ok(err)
		s := site.open(of)
		got, err := session.Get[string](s, c.key)
		wantIs(t, name, err, session.ErrSealed)
		if got != "" || session.StatusCode(err) != 500 || !strings.Contains(err.Error(), "another end") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		_, err = site.store.Save(t.Context(), site.ref(of), store.Change{Set: held})
		site.ok(err)
	}
	wantEntry(t, "as it was", site.open(of), "token", "secret")
	wantEntry(t, "as it was", site.open(of), "other", "secret 2")
}

// Entries keep their ends when they are sealed with another key. One that has ended is not sealed anew: it goes.
func TestResealKeepsEnds(t *testing.T) {
	site := sealingSite(t, "old")
	of := site.m.NewSession()
	site.ok(errors.Join(of.SetFor("token", "secret", time.Hour), of.SetFor("other", "secret 2", tenMinutes), of.Save(t.Context())))
	ends := end(t, site.row(of)["token"])
	site.store.Advance(tenMinutes)
	later := site.withKeys("new", "old")
	for _, want := range []int{1, 0} {
		if n, err := later.m.Reseal(t.Context()); n != want || err != nil {
			t.Errorf("resealed %d, %v; want %d", n, err, want)
		}
	}
	wantEntry(t, "with the new key alone", site.withKeys("new").open(of), "token", "secret")
	if row := later.row(of); !end(t, row["token"]).Equal(ends) || len(row) != 1 {
		t.Errorf("the row holds %s; the entry ended at %v", row, ends)
	}
	site.store.Advance(time.Hour - tenMinutes)
	wantEntry(t, "over", site.withKeys("new").open(of), "token", "")
}

// A login that meets a parallel one takes entries along with their ends, and what has ended not at all.
func TestEndsComeAlongToARowOfTheirOwn(t *testing.T) {
	endingSites(t, func(t *testing.T, site *site) {
		first := site.m.NewSession()
		site.ok(errors.Join(first.SetFor("over", 7, tenMinutes), first.SetFor("stays", 1, time.Hour), first.Save(t.Context())))
		ends := end(t, site.row(first)["stays"])
		site.store.Advance(tenMinutes)
		first = site.open(first)
		second := site.open(first)
		site.ok(errors.Join(second.SetFor("fresh", 2, tenMinutes), second.Login("ann"), first.Login("ann"), first.Save(t.Context())))
		from := site.clock()
		site.ok(second.Save(t.Context()))
		if first.Handle() == second.Handle() {
			t.Fatal("the logins share a row")
		}
		row := site.row(second)
		if len(row) != 2 || !end(t, row["stays"]).Equal(ends) {
			t.Errorf("the row holds %s; the entry ended at %v", row, ends)
		}
		wantEnd(t, "pending", row["fresh"], from, site.clock(), tenMinutes)
		wantEntry(t, "of its own", site.open(second), "stays", 1)
		wantEntry(t, "pending", site.open(second), "fresh", 2)
	})
}

// A row of its own that cannot be made at once keeps what is known of the store's clock: no end moves.
func TestEndsOfARowThatIsMadeLater(t *testing.T) {
	endingSites(t, func(t *testing.T, site *site) {
		site.store.Advance(time.Hour)
		first := site.m.NewSession()
		site.ok(errors.Join(first.SetFor("over", 7, tenMinutes), first.Save(t.Context())))
		ends, second := end(t, site.row(first)["over"]), site.open(first)
		site.ok(errors.Join(second.Login("ann"), first.Login("ann"), first.Save(t.Context())))
		site.store.failBefore(errDown, "create")
		wantIs(t, "Save", second.Save(t.Context()), errDown)
		site.store.failBefore(nil)
		from := site.clock()
		site.ok(errors.Join(second.SetFor("fresh", 8, tenMinutes), second.Save(t.Context())))
		row := site.row(second)
		if !end(t, row["over"]).Equal(ends) || first.Handle() == second.Handle() {
			t.Errorf("the row holds %s; the entry ended at %v", row, ends)
		}
		wantEnd(t, "set since", row["fresh"], from, site.clock(), tenMinutes)
	})
}

// lookAlikes are values that look like what an entry with an end is stored in, or nearly so.
var lookAlikes = []string{
	`{"$ends":1,"value":2}`, `{"$ends":99999999999999,"value":{"a":1}}`, `{"$ends":null,"value":3}`, `{"$ends":null,"value":null}`,
	`{"$ends":null,"value":{"$ends":1,"value":2}}`, `{"$ends":1,"value":{"$ends":null,"value":{"$ends":2,"value":[]}}}`,
	`{"$ends":1}`, `{"value":1}`, `{"$ends":"1","value":2}`, `{"$ends":-1,"value":2}`, `{"$ends":0,"value":2}`, `{"$ends":1.5,"value":2}`,
	`{"$ends":99999999999999999999,"value":2}`, `{"$ends":1,"value":2,"x":3}`, `{"$end":1,"value":2}`, `{"$ends":1,"$ends2":1,"value":2}`,
	`[{"$ends":1,"value":2}]`, `"{\"$ends\":1,\"value\":2}"`, `{"$ends":true,"value":2}`, `{"value":{"$ends":1,"value":2}}`,
}

// Whatever is set comes back as it was set, also what looks like an envelope, and also in one.
func TestLookAlikesComeBackAsTheyWereSet(t *testing.T) {
	endingSites(t, func(t *testing.T, site *site) {
		for _, text := range lookAlikes {
			for _, d := range []time.Duration{0, tenMinutes} {
				wantBack(t, site, json.RawMessage(text), d)
			}
		}
	})
}

// setFor is Set or SetFor.
func setFor(s session.Setter, key string, value any, d time.Duration) error {
	if d == 0 {
		return s.Set(key, value)
	}
	return s.SetFor(key, value, d)
}

// wantBack checks that a canonical value comes back as it is set: pending, saved, loaded, of a draft, listed.
func wantBack(t *testing.T, site *site, text json.RawMessage, d time.Duration) {
	t.Helper()
	check := func(when string, r session.Getter) {
		t.Helper()
		if got, err := session.Get[json.RawMessage](r, "k"); err != nil || string(got) != string(text) {
			t.Errorf("%s, for %v: %s comes back as %s, %v", when, d, text, got, err)
		}
	}
	s := site.m.NewSession()
	site.ok(errors.Join(setFor(s, "k", text, d), s.SetOwner("ann")))
	check("pending", s)
	site.ok(s.Save(t.Context()))
	check("saved", s)
	check("loaded", site.open(s))
	list, err := site.m.Sessions(t.Context(), "ann", "k")
	site.ok(err)
	check("listed", list[0])
	site.ok(s.Modify(t.Context(), func(draft *session.Draft) error {
		check("of a draft", draft)
		return setFor(draft, "k", text, d)
	}))
	check("modified", site.open(s))
	if raw, ok := site.open(s).Raw("k"); site.sealing.All != strings.HasPrefix(string(raw), `"sealed:`) || !ok ||
		!site.sealing.All && string(raw) != string(text) {
		t.Errorf("Raw of %s is %s", text, raw)
	}
	site.ok(s.Destroy(t.Context()))
}

func FuzzEndsComeBack(f *testing.F) {
	for _, text := range append(lookAlikes, `1`, `{}`, `" "`, `{ "value" : 1 , "$ends" : 2 }`, `{"\u0024ends":1,"value":2}`) {
		f.Add(text, int64(0))
		f.Add(text, int64(tenMinutes/time.Millisecond))
	}
	f.Fuzz(func(t *testing.T, text string, ms int64) {
		site := newSite(t)
		d := time.Duration(ms) * time.Millisecond
		if d > 0 {
			d += time.Minute // an entry must not end before it is read
		}
		s := site.m.NewSession()
		if ms < 0 || ms > time.Hour.Milliseconds() || !json.Valid([]byte(text)) || s.Set("k", json.RawMessage(text)) != nil {
			return
		}
		canonical, _ := s.Raw("k")
		wantBack(t, site, canonical, d)
	})
}

// respelling is a store whose rows all hold the same text.
type respelling struct {
	store.Store
	data string
}

func (r *respelling) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	rec, err := r.Store.Load(ctx, ref)
	rec.Data = []byte(r.data)
	return rec, err
}

// A database may return members in another order and with white space.
func TestEndsAreFoundHoweverTheyAreSpelled(t *testing.T) {
	site := newSite(t)
	s := site.stored("stays")
	at := site.clock().Add(time.Hour).UnixMilli()
	for name, text := range map[string]string{
		"spaced": fmt.Sprintf("{ \"$ends\" :\t%d ,\n \"value\" : [1, 2] } ", at), "turned": fmt.Sprintf(`{"value":[1, 2],"$ends":%d}`, at),
	} {
		data := fmt.Sprintf(`{"over": %s, "past": %s}`, text, strings.Replace(text, fmt.Sprint(at), "5", 1))
		m := newManager(t, &respelling{Store: site.store.Store, data: data}, session.Config{CollectInterval: -1})
		opened, err := m.Open(t.Context(), s.ID().Reveal())
		site.ok(err)
		got, err := session.Get[[]int](opened, "over")
		if err != nil || !slices.Equal(got, []int{1, 2}) || opened.Has("past") || opened.Len() != 1 {
			t.Errorf("%s: %v, %v, of the past %v", name, got, err, opened.Keys())
		}
	}
}

// noClock is a store with the five methods alone.
type noClock struct{ store.Store }

func TestEntriesThatCannotEnd(t *testing.T) {
	site := newSite(t)
	for _, d := range []time.Duration{0, -time.Second, time.Microsecond, 1500 * time.Microsecond, session.MaxTimeout + time.Second} {
		for name, set := range map[string]func(s session.Setter) error{
			"SetFor": func(s session.Setter) error { return s.SetFor("k", 1, d) },
			"a key":  func(s session.Setter) error { return session.NewKey("k", 0).EndsAfter(d).Set(s, 1) },
		} {
			s := site.m.NewSession()
			wantIs(t, fmt.Sprint(name, " for ", d), set(s), session.ErrValue)
			wantIs(t, "Save", s.Save(t.Context()), session.ErrValue)
			wantIs(t, "in a draft", s.Modify(t.Context(), func(draft *session.Draft) error { return set(draft) }), session.ErrValue)
			if s.Changed() {
				t.Errorf("%s for %v is pending", name, d)
			}
		}
	}
	s := newManager(t, noClock{site.store.Store}, session.Config{CollectInterval: -1}).NewSession()
	wantIs(t, "without a clock", s.SetFor("k", 1, tenMinutes), errors.ErrUnsupported)
	wantIs(t, "a value", site.m.NewSession().SetFor("k", func() {}, tenMinutes), session.ErrValue)
}

// The limit holds for what is stored, with its end.
func TestSizeOfEntriesThatEnd(t *testing.T) {
	const limit = 1000
	site := newSite(t, func(c *session.Config) { c.MaxBytes = limit })
	s := site.m.NewSession()
	fits := strings.Repeat("x", limit-100)
	site.ok(errors.Join(s.SetFor("k", fits, tenMinutes), s.Save(t.Context())))
	wantEntry(t, "that fits", site.open(s), "k", fits)
	wantIs(t, "too large with its end", site.m.NewSession().SetFor("k", strings.Repeat("x", limit-20), tenMinutes), session.ErrTooLarge)
	site.store.Advance(tenMinutes)
	s = site.open(s)
	site.ok(errors.Join(s.Set("a", fits), s.Save(t.Context())))
	wantEntry(t, "in the place of what has ended", site.open(s), "a", fits)
}

// What another system has kept may look like an envelope too.
func TestImportedLookAlikes(t *testing.T) {
	old := &oldSystem{live: map[string]session.Imported{"one": {Entries: map[string]any{"k": map[string]any{"$ends": 1, "value": 2}}}}}
	site := newSite(t, func(c *session.Config) { c.Import.From = old })
	b := site.browser()
	b.cookies["old"] = "one!"
	b.use(func(s *session.Session) error {
		if got, err := session.Get[json.RawMessage](s, "k"); err != nil || string(got) != `{"$ends":1,"value":2}` {
			t.Errorf("imported as %s, %v", got, err)
		}
		return nil
	})
}

// A socket learns the store's clock by its polls: an entry ends for it without a Load, and the end of one that it sets at
// its last is of that clock.
func TestEntriesEndInSockets(t *testing.T) {
	s := newSocketServer(t, session.Config{WebSocket: session.WebSocket{PollInterval: 10 * time.Millisecond}})
	token := s.login(t)
	done := s.handle(func(sock *socket) {
		check(t, errors.Join(sock.session.SetFor("over", 7, tenMinutes), sock.session.Save(sock.ctx)))
		if !sock.session.Has("over") {
			t.Error("it is over at once")
		}
		s.store.Advance(tenMinutes)
		for sock.session.Has("over") && sock.ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		check(t, errors.Join(sock.ctx.Err(), sock.session.SetFor("fresh", 8, tenMinutes)))
	})
	s.dial(t, ownOrigin, cookieLine(token))
	await(t, "end of the handler", done)
	if err := s.manager.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{8, 0} {
		got := open(t, s.manager, token)
		wantEntry(t, "afterwards", got, "fresh", want)
		wantEntry(t, "afterwards", got, "over", 0)
		s.store.Advance(tenMinutes)
	}
}

// An end that was reckoned by the process's clock cannot be corrected in an entry whose key is gone meanwhile: the next save
// says so, as it does of a Set that has failed, and the rest is saved.
func TestAnEndThatCannotBeCorrected(t *testing.T) {
	for name, save := range map[string]func(*session.Session) error{
		"Save":   func(s *session.Session) error { return s.Save(t.Context()) },
		"Modify": func(s *session.Session) error { return count(t, s) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := []session.SealingKey{sealingKey("old")}
				source := func(context.Context) ([]session.SealingKey, error) { return keys, nil }
				site := newSite(t, func(c *session.Config) {
					c.Sealing = session.Sealing{Entries: []string{"token", "other"}, KeySource: source}
				})
				site.store.Advance(time.Hour)
				s := site.m.NewSession()
				site.ok(errors.Join(s.SetFor("token", "secret", tenMinutes), s.Set("k", 1)))
				keys = []session.SealingKey{sealingKey("new")}
				time.Sleep(keyringPause)
				newer := site.withKeys("new").m.NewSession()
				site.ok(errors.Join(newer.Set("other", "secret 2"), newer.Save(t.Context())))
				wantEntry(t, "the key that came", site.open(newer), "other", "secret 2")
				wantIs(t, name, save(s), session.ErrSealed)
				site.ok(s.Save(t.Context()))
				if row := site.row(s); len(row) != 1 || string(row["k"]) != "1" {
					t.Errorf("the row holds %s", row)
				}
			})
		})
	}
}

// keyringPause is the least time between two calls of a KeySource.
const keyringPause = 10 * time.Second
