package session_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func generate(s *session.Session) error { return s.Generate() }

func TestGenerateKeepsDataAndRow(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	before := b.token()
	var coming session.ID
	w := b.use(func(of *session.Session) error {
		err := errors.Join(of.Generate(), of.Set("b", 1))
		coming = of.ID()
		return err
	})
	wantStatus(t, w, http.StatusOK)
	wantEvents(t, s.store, "load", "save") // token and data in one statement
	if b.token() == before || b.token() != coming.Reveal() {
		t.Error("the cookie is not the token that ID has told")
	}
	if b.token()[:21] != before[:21] || s.store.Len() != 1 {
		t.Error("the row did not stay")
	}
	wantKeys(t, b.keys(), "a", "b")
}

// At no instant do both tokens open the session, or neither: until the save the old one, after it the new one.
func TestRotationTakesEffectAtTheSave(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	old := of.ID().Reveal()
	s.ok(of.Generate())
	wantOpens(t, s, old, true)
	wantOpens(t, s, of.ID().Reveal(), false)
	s.store.failBefore(errDown, "save")
	wantIs(t, "Save", of.Save(t.Context()), errDown)
	s.store.failBefore(nil)
	wantOpens(t, s, old, true)
	s.ok(of.Save(t.Context()))
	wantOpens(t, s, old, false)
	wantOpens(t, s, of.ID().Reveal(), true)
}

func wantOpens(t *testing.T, s *site, token string, want bool) {
	t.Helper()
	if _, err := s.m.Open(t.Context(), token); (err == nil) != want {
		t.Errorf("Open: %v, want it to open: %v", err, want)
	}
}

// A request with the old token finds, for as long as the grace, a session that it can neither read nor change, and gets
// no cookie: it would overwrite the new one, which a parallel request has brought.
func TestOldTokenWithinTheGrace(t *testing.T) {
	for name, ignored := range map[string]bool{"looked at": false, "ignored": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			late := s.browser(s.stored("a"))
			first := s.browser()
			first.take(late.visitRotating())
			s.store.Advance(29 * time.Second)
			s.store.taken()
			w := late.visit(func(w http.ResponseWriter, r *http.Request) {
				wantLockedOut(t, session.FromContext(r.Context()))
				if !ignored {
					w.WriteHeader(http.StatusNoContent)
				}
			})
			if want := http.StatusConflict; ignored {
				wantStatus(t, w, want)
			}
			wantNoCookie(t, w)
			wantEvents(t, s.store, "load")
			wantKeys(t, first.keys(), "a")
		})
	}
}

// visitRotating rotates, but leaves the browser with the old cookie.
func (b *browser) visitRotating() *http.Response {
	b.t.Helper()
	before := b.token()
	response := b.use(generate).Result()
	b.cookies[hostCookie] = before
	return response
}

func wantLockedOut(t *testing.T, s *session.Session) {
	t.Helper()
	_, err := session.Get[string](s, "a")
	_, errPop := session.Pop[string](s, "a")
	for what, err := range map[string]error{
		"Get": err, "Pop": errPop, "Err": s.Err(), "Set": s.Set("a", 1), "Delete": s.Delete("a"), "Clear": s.Clear(),
		"Generate": s.Generate(), "SetOwner": s.SetOwner("x"), "Destroy": s.Destroy(context.Background()),
		"Load": s.Load(context.Background()), "Update": s.Update(context.Background()), "Modify": increment(s),
		"SetTimeout": s.SetTimeout(time.Minute), "SetPersistent": s.SetPersistent(false),
	} {
		wantIs(t, what, err, session.ErrRotated)
		wantIs(t, what, err, session.ErrGone)
	}
	if s.Has("a") || s.Len() != 0 || !s.ID().IsZero() || s.Changed() {
		t.Error("there is something to be read")
	}
	// The first of these errors is one that a Save returns again.
	wantIs(t, "Save", s.Save(context.Background()), session.ErrRotated)
	_ = s.Set("a", 1)
}

func TestOldTokenAfterTheGrace(t *testing.T) {
	for name, c := range map[string]struct{ grace, after time.Duration }{
		"default":  {0, 30 * time.Second},
		"shorter":  {time.Second, time.Second},
		"no grace": {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(config *session.Config) { config.RotationGrace = c.grace })
			late := s.browser(s.stored("a"))
			late.visitRotating()
			s.store.Advance(c.after)
			w := late.set("mine") // like any unknown token: a session of its own
			wantStatus(t, w, http.StatusOK)
			wantKeys(t, late.keys(), "mine")
			if n := s.store.Len(); n != 2 {
				t.Errorf("%d rows", n)
			}
		})
	}
}

// Of two requests that rotate at once one wins. The other's answer is an error without a cookie, and changes nothing.
func TestParallelRotations(t *testing.T) {
	s := newSite(t)
	winner := s.browser(s.stored("a"))
	loser := s.browser()
	loser.cookies[hostCookie] = winner.token()
	w := loser.visit(func(_ http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		s.ok(errors.Join(of.Generate(), of.Set("loser", 1)))
		winner.use(generate)
	})
	wantStatus(t, w, http.StatusConflict)
	wantNoCookie(t, w)
	wantKeys(t, winner.keys(), "a")
}

// A request that began before a rotation and is saved after it.
func TestSaveAfterAParallelRotation(t *testing.T) {
	s := newSite(t)
	winner := s.browser(s.stored("a"))
	other := s.browser()
	other.cookies[hostCookie] = winner.token()
	w := other.visit(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("lost", 1))
		winner.use(generate)
	})
	wantStatus(t, w, http.StatusConflict)
	wantNoCookie(t, w)
	wantKeys(t, winner.keys(), "a")
}

// Generate in a session that has no row yet makes one, under a token that nobody has planted.
func TestGenerateOfANewSession(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	planted := s.m.NewSession().ID().Reveal()
	b.cookies[hostCookie] = planted
	b.use(generate)
	if b.token() == planted || b.token() == "" || s.store.Len() != 1 {
		t.Errorf("%d rows, planted token kept %v", s.store.Len(), b.token() == planted)
	}
}

// A token that names nothing alive never becomes that of a session.
func TestPlantedTokenIsNotTaken(t *testing.T) {
	s := newSite(t)
	planted := s.m.NewSession().ID().Reveal()
	b := s.browser()
	b.cookies[hostCookie] = planted
	b.set("k")
	if b.token() == planted || b.token()[:20] == planted[:20] {
		t.Error("the planted token, or its row key, has become a session's")
	}
}

func TestRealms(t *testing.T) {
	store := memstore.New()
	token := ""
	for _, c := range []struct {
		name   string
		config session.Config
		opens  bool
	}{
		{"its own", session.Config{}, true},
		{"other cookie", session.Config{Cookie: session.Cookie{Name: "__Host-admin"}}, false},
		{"other cookie, same realm", session.Config{Realm: hostCookie, Cookie: session.Cookie{Name: "__Host-admin"}}, true},
		{"other realm", session.Config{Realm: "admin"}, false},
		{"header", session.Config{Header: "X-Session"}, false},
	} {
		m := newManager(t, store, c.config)
		if token == "" {
			made := m.NewSession()
			if err := errors.Join(made.Set("a", 1), made.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			token = made.ID().Reveal()
		}
		_, err := m.Open(t.Context(), token)
		if (err == nil) != c.opens || (err != nil && !errors.Is(err, session.ErrGone)) {
			t.Errorf("%s: %v, want it to open: %v", c.name, err, c.opens)
		}
	}
}

// A login that is tried again after a save of which nobody knows whether it took effect finds its session, also where a
// second one fails in between.
func TestLoginsAfterUndecidedSaves(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a"))
	login := func() error { return errors.Join(of.Renew(), of.Set("user", "ann"), of.Save(t.Context())) }
	s.store.failAfter(errDown, "save")
	wantIs(t, "first login", login(), errDown)
	s.store.failBefore(errDown, "save")
	wantIs(t, "second login", login(), errDown)
	s.store.failBefore(nil)
	s.ok(login())
	wantKeys(t, s.open(of).Keys(), "a", "user")
}
