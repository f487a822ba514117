package session_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// login makes a browser with a session of an owner.
func (s *site) login(owner string, keys ...string) *browser {
	s.t.Helper()
	b := s.browser()
	b.use(func(of *session.Session) error {
		err := errors.Join(of.Renew(), of.SetOwner(owner))
		for _, key := range keys {
			err = errors.Join(err, of.Set(key, key+"'s value"))
		}
		return err
	})
	return b
}

func (b *browser) handle() (handle session.Handle) {
	b.t.Helper()
	b.use(func(of *session.Session) error { handle = of.Handle(); return nil })
	return handle
}

func (s *site) list(owner string, entries ...string) []session.Summary {
	s.t.Helper()
	infos, err := s.m.Sessions(s.t.Context(), owner, entries...)
	s.ok(err)
	return infos
}

// A list tells of an owner's sessions, newest first, with the entries that were asked for and no token.
func TestListOfAnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t)
		start := time.Now()
		first := s.login("ann", "agent", "secret")
		time.Sleep(10 * time.Minute)
		second := s.login("ann", "agent")
		other := s.login("bob", "agent")
		want := []session.Handle{second.handle(), first.handle()}
		time.Sleep(10 * time.Minute)
		first.use(reading)
		synctest.Wait()

		infos := s.list("ann", "agent", "absent")
		if len(infos) != 2 || infos[0].Handle != want[0] || infos[1].Handle != want[1] {
			t.Fatalf("%d sessions", len(infos))
		}
		old := infos[1]
		made, seen, expires := old.CreatedAt.Sub(start), old.LastSeen.Sub(start), old.ExpiresAt.Sub(start)
		if made != 0 || seen != 20*time.Minute || expires != 80*time.Minute {
			t.Errorf("created after %v, seen after %v, expires after %v", made, seen, expires)
		}
		wantKeys(t, old.Keys(), "agent")
		wantEntry(t, "info", old, "agent", "agent's value")
		if raw, ok := old.Raw("secret"); ok || raw != nil {
			t.Error("an entry that nobody asked for")
		}
		for _, b := range []*browser{first, second, other} {
			wantRedacted(t, "the list", strings.Join(strings.Fields(printAll(infos)), " "), b.token())
		}
		time.Sleep(55 * time.Minute)
		if left := s.list("ann"); len(left) != 1 {
			t.Errorf("%d live sessions", len(left))
		}
	})
}

func TestRevoke(t *testing.T) {
	s := newSite(t)
	ann, annToo, bob := s.login("ann"), s.login("ann"), s.login("bob")
	handle := ann.handle()
	for _, c := range []struct {
		name string
		do   func() (any, error)
		want any
		left int
	}{
		{"another's", func() (any, error) { return s.m.RevokeOwned(t.Context(), "bob", handle) }, false, 3},
		{"one's own", func() (any, error) { return s.m.RevokeOwned(t.Context(), "ann", handle) }, true, 2},
		{"again", func() (any, error) { return s.m.RevokeOwned(t.Context(), "ann", handle) }, false, 2},
		{"by handle, none", func() (any, error) { return s.m.Revoke(t.Context(), handle) }, false, 2},
		{"all but this one", func() (any, error) { return s.m.RevokeOwner(t.Context(), "ann", annToo.handle()) }, 0, 2},
		{"by handle", func() (any, error) { return s.m.Revoke(t.Context(), bob.handle()) }, true, 1},
		{"all", func() (any, error) { return s.m.RevokeOwner(t.Context(), "ann", session.Handle{}) }, 1, 0},
	} {
		got, err := c.do()
		if err != nil || got != c.want || s.store.Len() != c.left {
			t.Errorf("%s: %v, %v, %d rows; want %v and %d", c.name, got, err, s.store.Len(), c.want, c.left)
		}
	}
	wantStatus(t, ann.set("k"), http.StatusOK) // a fresh session
}

// Sessions are found and ended by a tag, and by what their owners' names begin with, in the manager's realm alone.
func TestTagsAndPrefixes(t *testing.T) {
	s := newSite(t)
	admin := newManager(t, s.store, session.Config{Realm: "admin", CollectInterval: -1})
	made := map[string]session.Handle{}
	for _, c := range []struct {
		m                *session.Manager
		name, owner, tag string
	}{
		{s.m, "ann", "acme/ann", "sid:1"}, {s.m, "bob", "acme/bob", "sid:1"}, {s.m, "eve", "acme-labs/eve", "sid:2"},
		{s.m, "nobody", "", "sid:1"}, {admin, "admin", "acme/ann", "sid:1"},
	} {
		of := c.m.NewSession()
		s.ok(errors.Join(of.SetOwner(c.owner), of.SetTag(c.tag), of.Set("name", c.name), of.Save(t.Context())))
		made[c.name] = of.Handle()
	}
	tagged := func() (names []string) {
		found, err := s.m.SessionsTagged(t.Context(), "sid:1", "name")
		s.ok(err)
		for _, one := range found {
			name, err := session.Get[string](one, "name")
			s.ok(err)
			if one.Tag != "sid:1" || one.Handle != made[name] {
				t.Errorf("listed %+v", one)
			}
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	if got := tagged(); !slices.Equal(got, []string{"ann", "bob", "nobody"}) {
		t.Errorf("tagged: %q", got)
	}
	if n, err := s.m.RevokeOwnerPrefix(t.Context(), "acme/"); n != 2 || err != nil {
		t.Errorf("by prefix: %d, %v", n, err)
	}
	if got := tagged(); !slices.Equal(got, []string{"nobody"}) {
		t.Errorf("tagged after that: %q", got)
	}
	if n, err := s.m.RevokeTagged(t.Context(), "sid:1"); n != 1 || err != nil || s.store.Len() != 2 {
		t.Errorf("by tag: %d, %v, %d rows", n, err, s.store.Len())
	}
}

// Nobody's sessions are not everybody's.
func TestRevokeOfNobody(t *testing.T) {
	s := newSite(t)
	s.login("ann")
	s.login("")
	_, errOwner := s.m.RevokeOwner(t.Context(), "", session.Handle{})
	_, errOwned := s.m.RevokeOwned(t.Context(), "", session.Handle{})
	_, errHandle := s.m.Revoke(t.Context(), session.Handle{})
	_, errTag := s.m.RevokeTagged(t.Context(), "")
	_, errPrefix := s.m.RevokeOwnerPrefix(t.Context(), "")
	_, errNoText := s.m.RevokeOwnerPrefix(t.Context(), "\xff")
	for name, err := range map[string]error{
		"RevokeOwner": errOwner, "RevokeOwned": errOwned, "Revoke": errHandle, "RevokeTagged": errTag,
		"RevokeOwnerPrefix": errPrefix, "RevokeOwnerPrefix of no text": errNoText,
	} {
		if err == nil {
			t.Errorf("%s of nobody is no error", name)
		}
	}
	if n := s.store.Len(); n != 2 {
		t.Errorf("%d rows", n)
	}
}

// A session that is revoked while a request runs is not brought back by it.
func TestRevokedInFlight(t *testing.T) {
	s := newSite(t)
	b := s.login("ann")
	w := b.visit(func(_ http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		s.ok(of.Set("late", 1))
		if ended, err := s.m.Revoke(r.Context(), of.Handle()); !ended || err != nil {
			t.Errorf("Revoke: %v, %v", ended, err)
		}
	})
	wantStatus(t, w, http.StatusConflict)
	if n := s.store.Len(); n != 0 {
		t.Errorf("%d rows", n)
	}
}

func TestOwnerOfASession(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	for _, owner := range []string{"ann", "Ünïcödé 😀", strings.Repeat("o", 512), ""} {
		s.ok(of.SetOwner(owner))
		if of.Owner() != owner {
			t.Errorf("pending: %q", of.Owner())
		}
		s.ok(of.Save(t.Context()))
		if again := s.open(of); again.Owner() != owner {
			t.Errorf("stored: %q, want %q", again.Owner(), owner)
		}
	}
	for _, owner := range []string{"a\x00", "\xff", strings.Repeat("o", 513)} {
		wantIs(t, "SetOwner", of.SetOwner(owner), session.ErrValue)
	}
	if of.Changed() || of.Owner() != "" {
		t.Error("a refused owner is pending")
	}
}

// The limit holds for the login that would exceed it, and for that alone.
func TestOwnerLimitRefuses(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.Owner = session.OwnerLimit{Max: 2} })
	first, second := s.login("ann"), s.login("ann")
	third := s.browser(s.stored("guest"))
	w := third.use(func(of *session.Session) error { return errors.Join(of.Renew(), of.SetOwner("ann")) })
	wantStatus(t, w, http.StatusTooManyRequests)
	wantNoCookie(t, w)
	wantKeys(t, third.keys(), "guest") // still there, and nobody's
	wantStatus(t, first.set("k"), http.StatusOK)
	wantStatus(t, s.login("bob").set("k"), http.StatusOK)
	second.use(destroying)
	wantStatus(t, third.use(func(of *session.Session) error { return of.SetOwner("ann") }), http.StatusOK)
}

func TestOwnerLimitEndsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(c *session.Config) { c.Owner = session.OwnerLimit{Max: 2, EndOldest: true} })
		var browsers []*browser
		for range 4 {
			browsers = append(browsers, s.login("ann", "agent"))
			time.Sleep(time.Second)
		}
		for i, b := range browsers {
			want := []string{"agent"}
			if i < 2 {
				want = nil
			}
			wantKeys(t, b.keys(), want...)
		}
		if n := len(s.list("ann")); n != 2 {
			t.Errorf("%d sessions", n)
		}
	})
}

// Parallel logins end up at the limit.
func TestOwnerLimitUnderParallelLogins(t *testing.T) {
	for name, oldest := range map[string]bool{"refuse": false, "end the oldest": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *session.Config) { c.Owner = session.OwnerLimit{Max: 3, EndOldest: oldest} })
			var logins sync.WaitGroup
			for range 64 {
				logins.Go(func() { s.login("ann") })
			}
			logins.Wait()
			if n := len(s.list("ann")); n != 3 || s.store.Len() != 3 {
				t.Errorf("%d sessions, %d rows", n, s.store.Len())
			}
		})
	}
}

func TestOwnersOnAStoreWithoutThem(t *testing.T) {
	m, err := session.New(plain{memstore.New()}, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, errList := m.Sessions(t.Context(), "ann")
	_, errRevoke := m.Revoke(t.Context(), session.Handle{1})
	_, errOwner := m.RevokeOwner(t.Context(), "ann", session.Handle{})
	for name, err := range map[string]error{"Sessions": errList, "Revoke": errRevoke, "RevokeOwner": errOwner} {
		wantIs(t, name, err, errors.ErrUnsupported)
	}
	of := m.NewSession()
	if err := errors.Join(of.SetOwner("ann"), of.Save(t.Context())); err != nil {
		t.Error(err)
	}
}
