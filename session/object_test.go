package session_test

import (
	"errors"
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

func TestMap(t *testing.T) {
	s := newSite(t).m.NewSession()
	if s.Changed() || s.Len() != 0 || s.Has("a") {
		t.Error("a new session is not empty and unchanged")
	}
	for _, key := range []string{"b", "a", ""} {
		if err := s.Set(key, len(key)); err != nil {
			t.Error(err)
		}
	}
	wantKeys(t, s.Keys(), "", "a", "b")
	if s.Len() != 3 || !s.Has("") || !s.Changed() {
		t.Errorf("%d entries, changed %v", s.Len(), s.Changed())
	}
	all := maps.Collect(s.All())
	if len(all) != 3 || string(all["a"]) != "1" {
		t.Errorf("All: %s", all)
	}
	if err := s.Delete("a"); err != nil || s.Has("a") {
		t.Errorf("after Delete: %v, still there %v", err, s.Has("a"))
	}
	if err := s.Clear(); err != nil || s.Len() != 0 {
		t.Errorf("after Clear: %v, %d entries", err, s.Len())
	}
}

// All is as it was at its call, can be left early, and the text that it gives belongs to the caller.
func TestAllIsASnapshot(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a", "b", "c"))
	all := s.All()
	site.ok(s.Delete("c"))
	var seen []string
	for key, raw := range all {
		clear(raw)
		site.ok(s.Set("new"+key, 1))
		if seen = append(seen, key); len(seen) == 2 {
			break
		}
	}
	wantKeys(t, seen, "a", "b")
	if raw, ok := s.Raw("a"); !ok || string(raw) != `"a's value"` {
		t.Errorf("the session's own text was changed: %q", raw)
	}
	if n := len(maps.Collect(all)); n != 3 {
		t.Errorf("All has %d entries after all, want 3", n)
	}
}

// changedCases say what marks a session as changed.
var changedCases = []struct {
	name string
	do   func(*session.Session) error
	want bool
}{
	{"nothing", func(*session.Session) error { return nil }, false},
	{"reads", func(s *session.Session) error {
		s.Keys()
		s.ID()
		_, err := session.Get[string](s, "a")
		return err
	}, false},
	{"Set", func(s *session.Session) error { return s.Set("a", 1) }, true},
	{"Set of the same", func(s *session.Session) error { return s.Set("a", "a's value") }, true},
	{"Delete", func(s *session.Session) error { return s.Delete("a") }, true},
	{"Delete of nothing", func(s *session.Session) error { return s.Delete("b") }, false},
	{"Clear", (*session.Session).Clear, true},
	{"Pop", func(s *session.Session) error { _, err := session.Pop[string](s, "a"); return err }, true},
	{"Pop of nothing", func(s *session.Session) error { _, err := session.Pop[string](s, "b"); return err }, false},
	{"Generate", (*session.Session).Generate, true},
	{"Renew", (*session.Session).Renew, true},
	{"SetTimeout", func(s *session.Session) error { return s.SetTimeout(time.Minute) }, true},
	{"SetAbsoluteTimeout", func(s *session.Session) error { return s.SetAbsoluteTimeout(2 * time.Hour) }, true},
	{"SetOwner", func(s *session.Session) error { return s.SetOwner("ann") }, true},
}

func TestChanged(t *testing.T) {
	for _, c := range changedCases {
		t.Run(c.name, func(t *testing.T) {
			site := newSite(t)
			s := site.open(site.stored("a"))
			if s.Changed() {
				t.Error("changed by Load")
			}
			site.ok(c.do(s))
			if s.Changed() != c.want {
				t.Errorf("Changed is %v, want %v", s.Changed(), c.want)
			}
			site.ok(s.Save(t.Context()))
			if s.Changed() {
				t.Error("changed after Save")
			}
		})
	}
}

// Clear of a session that is seen to be empty is no change.
func TestClearOfNothing(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored())
	if err := s.Clear(); err != nil || s.Changed() {
		t.Errorf("%v, changed %v", err, s.Changed())
	}
}

func TestClearRemovesUnseenKeys(t *testing.T) {
	site := newSite(t)
	mine := site.open(site.stored("seen"))
	other := site.open(mine)
	site.ok(errors.Join(other.Set("unseen", 1), other.Save(t.Context())))
	site.ok(errors.Join(mine.Clear(), mine.Set("after", 1), mine.Save(t.Context())))
	wantKeys(t, site.open(mine).Keys(), "after")
}

// A failed Set changes nothing, and comes back once from Save, before anything is written.
func TestFailedSetComesBackFromSave(t *testing.T) {
	site := newSite(t)
	s := site.open(site.stored("a"))
	site.store.taken()
	site.ok(s.Set("good", 1))
	wantIs(t, "Set", s.Set("a", make(chan int)), session.ErrValue)
	wantIs(t, "Set", s.Set("b\x00", 1), session.ErrValue)
	if got, err := session.Get[string](s, "a"); err != nil || got != "a's value" {
		t.Errorf("a is %q, %v", got, err)
	}
	wantIs(t, "Save", s.Save(t.Context()), session.ErrValue)
	wantEvents(t, site.store)
	if !s.Changed() || !s.Has("good") {
		t.Error("the good change is not pending any more")
	}
	site.ok(s.Save(t.Context()))
	wantKeys(t, site.open(s).Keys(), "a", "good")
}

// Load brings what is stored and leaves what is pending on top of it.
func TestLoadKeepsPending(t *testing.T) {
	site := newSite(t)
	mine := site.open(site.stored("a", "b", "c"))
	other := site.open(mine)
	site.ok(errors.Join(mine.Set("a", "mine"), mine.Delete("b"), mine.SetOwner("me"), mine.SetTimeout(time.Minute)))
	site.ok(errors.Join(other.Set("a", "other"), other.Set("b", "other"), other.Set("c", "other"), other.Set("d", "other"),
		other.SetTag("other"), other.Save(t.Context())))
	site.ok(mine.Load(t.Context()))
	wantKeys(t, mine.Keys(), "a", "c", "d")
	wantEntry(t, "after Load", mine, "a", "mine")
	wantEntry(t, "after Load", mine, "c", "other")
	if mine.Owner() != "me" || mine.Timeout() != time.Minute || !mine.Changed() {
		t.Errorf("owner %q, timeout %v, changed %v", mine.Owner(), mine.Timeout(), mine.Changed())
	}
	site.ok(mine.Save(t.Context()))
	wantKeys(t, site.open(mine).Keys(), "a", "c", "d")
}

func TestLoadKeepsClear(t *testing.T) {
	site := newSite(t)
	mine := site.open(site.stored("a"))
	other := site.open(mine)
	site.ok(errors.Join(mine.Clear(), mine.Set("mine", 1)))
	site.ok(errors.Join(other.Set("b", 1), other.Save(t.Context()), mine.Load(t.Context())))
	wantKeys(t, mine.Keys(), "mine")
}

// A session that belongs to a request takes no changes after its handler has returned, and can still be read.
func TestClosedAfterTheHandler(t *testing.T) {
	site := newSite(t)
	b := site.browser(site.stored("a"))
	var s *session.Session
	b.use(func(of *session.Session) error { s = of; return nil })
	site.store.taken()
	for name, err := range map[string]error{
		"Set": s.Set("b", 1), "Delete": s.Delete("a"), "Clear": s.Clear(), "Generate": s.Generate(), "Renew": s.Renew(),
		"SetOwner": s.SetOwner("x"), "SetTimeout": s.SetTimeout(time.Minute), "Save": s.Save(t.Context()),
		"SetAbsoluteTimeout": s.SetAbsoluteTimeout(time.Hour), "SetPersistent": s.SetPersistent(false),
		"Update": s.Update(t.Context()), "Destroy": s.Destroy(t.Context()), "Modify": increment(s),
	} {
		if !errors.Is(err, session.ErrClosed) {
			t.Errorf("%s: %v, want ErrClosed", name, err)
		}
	}
	wantEvents(t, site.store)
	wantKeys(t, s.Keys(), "a")
	wantKeys(t, b.keys(), "a")
}

func TestNewSessionTellsOfItself(t *testing.T) {
	site := newSite(t)
	s := site.m.NewSession()
	if s.Store() != session.Store(site.store) {
		t.Error("another store")
	}
	if !s.IsNew() || !s.Expiration().IsZero() || s.Version() != 0 || s.Err() != nil {
		t.Errorf("new %v, expires %v, version %d, %v", s.IsNew(), s.Expiration(), s.Version(), s.Err())
	}
	id, handle := s.ID(), s.Handle()
	site.ok(errors.Join(s.Set("a", 1), s.Save(t.Context())))
	if s.IsNew() || s.Expiration().IsZero() || s.Version() != 1 || !s.ID().Equal(id) || s.Handle() != handle {
		t.Errorf("new %v, expires %v, version %d, same id %v", s.IsNew(), s.Expiration(), s.Version(), s.ID().Equal(id))
	}
}

// The version says what this connection has seen whole: it does not go on over somebody else's change.
func TestVersion(t *testing.T) {
	site := newSite(t)
	mine := site.open(site.stored("a"))
	other := site.open(mine)
	save := func(s *session.Session, want int64) {
		t.Helper()
		site.ok(errors.Join(s.Set("k", 1), s.Save(t.Context())))
		if s.Version() != want {
			t.Errorf("version %d, want %d", s.Version(), want)
		}
	}
	save(mine, 2)
	save(other, 1)
	site.ok(other.Update(t.Context()))
	save(mine, 2)
	site.ok(mine.Load(t.Context()))
	save(mine, 5)
}

func TestManagerWithoutRequests(t *testing.T) {
	site := newSite(t)
	made := site.m.NewSession()
	_, err := site.m.Open(t.Context(), made.ID().Reveal())
	wantIs(t, "Open before the save", err, session.ErrGone)
	site.ok(errors.Join(made.Set("a", 1), made.Save(t.Context())))
	wantKeys(t, site.open(made).Keys(), "a")
	wantKeys(t, site.browser(made).keys(), "a")
	_, err = site.m.Open(t.Context(), "")
	wantIs(t, "Open of nothing", err, session.ErrGone)
	site.store.failBefore(errDown, "load")
	_, err = site.m.Open(t.Context(), made.ID().Reveal())
	if !errors.Is(err, errDown) || errors.Is(err, session.ErrGone) {
		t.Errorf("Open with the database down: %v", err)
	}
}

func TestContextWithoutSession(t *testing.T) {
	site := newSite(t)
	defer func() {
		if text, _ := recover().(string); text == "" {
			t.Error("FromContext without a middleware does not panic with a text")
		}
	}()
	if _, ok := session.Lookup(t.Context()); ok {
		t.Error("Lookup found a session")
	}
	if _, ok := site.m.Lookup(t.Context()); ok {
		t.Error("Manager.Lookup found a session")
	}
	r, _ := http.NewRequest(http.MethodGet, "/", nil)
	session.FromContext(r.Context())
}
