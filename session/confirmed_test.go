package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// recovering answers a panic from outside of the middleware.
func recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if recover() != nil {
				http.Error(w, "recovered", http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// A cookie leaves only for a token that a statement of the very response has confirmed: a parallel request may have rotated
// the session meanwhile, and its cookie must not be overwritten.
func TestNoUnconfirmedCookieLeaves(t *testing.T) {
	cases := map[string]struct {
		status  int
		handler func(s *site, w http.ResponseWriter, of *session.Session)
	}{
		"panic": {500, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(of.SetPersistent(false))
			panic("no")
		}},
		"the store is down": {503, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(of.SetPersistent(false))
			s.store.failBefore(errDown, "save", "touch")
		}},
		"the handler's own 500": {500, func(s *site, w http.ResponseWriter, of *session.Session) {
			s.store.failBefore(errDown, "save", "touch")
			wantIs(s.t, "Save", errors.Join(of.SetPersistent(false), of.Save(s.t.Context())), errDown)
			w.WriteHeader(http.StatusInternalServerError)
		}},
		"a sibling rotates after a save": {200, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(errors.Join(of.SetAbsoluteTimeout(48*time.Hour), of.Save(s.t.Context())))
			sibling := s.open(of)
			s.ok(errors.Join(sibling.Rotate(), sibling.Save(s.t.Context())))
		}},
		"a sibling rotates after a save, and the handler panics": {500, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(errors.Join(of.SetAbsoluteTimeout(48*time.Hour), of.Save(s.t.Context())))
			sibling := s.open(of)
			s.ok(errors.Join(sibling.Rotate(), sibling.Save(s.t.Context())))
			panic("no")
		}},
		"a sibling rotates after a save, and the store is down": {503, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(errors.Join(of.SetAbsoluteTimeout(48*time.Hour), of.Save(s.t.Context())))
			sibling := s.open(of)
			s.ok(errors.Join(sibling.Rotate(), sibling.Save(s.t.Context()), of.Set("k", 1)))
			s.store.failBefore(errDown, "save", "touch")
		}},
		"a sibling rotates after SetPersistent": {409, func(s *site, _ http.ResponseWriter, of *session.Session) {
			s.ok(of.SetPersistent(false))
			sibling := s.open(of)
			s.ok(errors.Join(sibling.Rotate(), sibling.Save(s.t.Context())))
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("a"))
			w := httptest.NewRecorder()
			recovering(s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.handler(s, w, session.FromContext(r.Context()))
			}))).ServeHTTP(w, b.request())
			wantStatus(t, w, c.status)
			wantNoCookie(t, w)
		})
	}
}

// A rotation whose answer is lost does not lock the user out: the commit finds out whether it took effect.
func TestALostAnswerToARotationIsSettled(t *testing.T) {
	t.Run("at the commit", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("basket"))
		s.store.failAfter(errDown, "save")
		wantStatus(t, b.use(func(of *session.Session) error { return of.Login("ann") }), http.StatusOK)
		b.use(func(of *session.Session) error {
			if of.Owner() != "ann" || !of.Has("basket") {
				t.Errorf("owner %q, entries %q", of.Owner(), of.Keys())
			}
			return nil
		})
	})
	t.Run("in the handler, who answers 500", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("basket"))
		s.store.failAfter(errDown, "save")
		w := b.visit(func(w http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			wantIs(t, "Save", errors.Join(of.Login("ann"), of.Save(r.Context())), errDown)
			w.WriteHeader(http.StatusInternalServerError)
		})
		wantStatus(t, w, http.StatusInternalServerError)
		wantKeys(t, b.keys(), "basket")
	})
}

// A login that nobody hears of does not happen; all other changes survive a client that has gone.
func TestAClientThatHasGone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*session.Session) error
		saved  bool
	}{
		"login":  {func(s *session.Session) error { return errors.Join(s.Login("ann"), s.Set("k", 1)) }, false},
		"change": {func(s *session.Session) error { return s.Set("k", 1) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("basket")
			r := s.browser(live).request()
			ctx, cancel := context.WithCancel(r.Context())
			s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s.ok(c.change(session.FromContext(r.Context())))
				cancel()
			})).ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
			if now := s.open(live); now.Has("k") != c.saved || now.Owner() != "" {
				t.Errorf("entries %q, owner %q", now.Keys(), now.Owner())
			}
		})
	}
}

// Of two parallel logins of one visitor, whichever answer the browser keeps, the user is logged in and has the basket.
func TestParallelLogins(t *testing.T) {
	for name, login := range map[string]func(*session.Session) error{
		"Login": func(s *session.Session) error { return s.Login("ann") },
		"Renew": (*session.Session).Renew,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("basket")
			first, second := s.browser(live), s.browser(live)
			second.visit(func(_ http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				first.use(login)
				s.ok(errors.Join(login(of), of.Set("second", 1)))
			})
			if first.token() == second.token() || s.store.Len() != 2 {
				t.Fatalf("%d rows", s.store.Len())
			}
			wantKeys(t, first.keys(), "basket")
			wantKeys(t, second.keys(), "basket", "second")
			wantOpens(t, s, live.ID().Reveal(), false)
			if name == "Login" {
				sessions, err := s.m.Sessions(t.Context(), "ann")
				if s.ok(err); len(sessions) != 2 {
					t.Errorf("%d sessions of ann's", len(sessions))
				}
			}
		})
	}
}

// A login goes on, with the basket, if what follows it in the handler is the first to find that a sibling has logged in.
func TestALoginIsNotLostToWhatFollowsIt(t *testing.T) {
	for name, next := range map[string]func(*session.Session, context.Context) error{
		"Modify": func(s *session.Session, ctx context.Context) error {
			_, err := session.ModifyKey(ctx, s, "logins", func(n int) (int, error) { return n + 1, nil })
			return err
		},
		"Load":  (*session.Session).Load,
		"Touch": (*session.Session).Touch,
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("basket")
			first, second := s.browser(live), s.browser(live)
			w := second.visit(func(_ http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				first.use(func(of *session.Session) error { return of.Login("ann") })
				s.ok(of.Login("ann"))
				if err := next(of, r.Context()); err != nil && !errors.Is(err, session.ErrRotated) {
					t.Error(err)
				}
			})
			wantStatus(t, w, http.StatusOK)
			second.use(func(of *session.Session) error {
				if n, err := session.Get[int](of, "logins"); err != nil || name == "Modify" && n != 1 {
					t.Errorf("%d logins counted, %v", n, err)
				}
				if of.Owner() != "ann" || !of.Has("basket") {
					t.Errorf("owner %q, entries %q", of.Owner(), of.Keys())
				}
				return nil
			})
		})
	}
}

// A login may come with the token of before a rotation of which the browser never heard.
func TestLoginWithTheOldToken(t *testing.T) {
	s := newSite(t)
	late := s.browser(s.stored("a"))
	late.visitRotating()
	wantStatus(t, late.use(func(of *session.Session) error { return of.Login("ann") }), http.StatusOK)
	late.use(func(of *session.Session) error {
		if of.Owner() != "ann" || of.Has("a") {
			t.Errorf("owner %q, entries %q", of.Owner(), of.Keys())
		}
		return nil
	})
}

// ErrRotated is for who had the token; one that comes back after the grace is observed.
func TestWhoHearsOfARotation(t *testing.T) {
	var reuses int
	s := newSite(t, func(c *session.Config) {
		c.Observe = func(_ context.Context, o session.Observation) {
			if o.Op == session.OpReuse {
				reuses++
			}
		}
	})
	late := s.browser(s.stored("a"))
	late.visitRotating()
	guess := s.browser()
	guess.cookies[hostCookie] = late.token()[:22] + s.m.NewSession().ID().Reveal()[22:]
	var guessed, had error
	guess.use(func(of *session.Session) error { guessed = of.Err(); return nil })
	late.use(func(of *session.Session) error { had = of.Err(); return nil })
	if guessed != nil || !errors.Is(had, session.ErrRotated) || reuses != 0 {
		t.Errorf("who guesses: %v, who had it: %v, %d reuses", guessed, had, reuses)
	}
	s.store.Advance(time.Minute)
	for range 2 {
		late.use(func(of *session.Session) error { return of.Err() })
	}
	if reuses != 2 {
		t.Errorf("%d reuses observed", reuses)
	}
}

// Nothing that a create which nobody knows of has left survives: not beside a new token, and not a Destroy.
func TestRotationAfterAnAmbiguousCreate(t *testing.T) {
	for name, rotate := range map[string]func(*session.Session) error{
		"Generate": (*session.Session).Generate, "Renew": (*session.Session).Renew,
		"Login": func(s *session.Session) error { return s.Login("ann") },
	} {
		for _, lost := range []string{"before", "after"} {
			t.Run(name+", lost "+lost, func(t *testing.T) {
				s := newSite(t)
				of := s.m.NewSession()
				if lost == "after" {
					s.store.failAfter(errDown, "create")
				} else {
					s.store.failBefore(errDown, "create")
				}
				wantIs(t, "Save", errors.Join(of.SetOwner("ann"), of.Save(t.Context())), errDown)
				s.store.failBefore(nil)
				first := of.ID().Reveal()
				s.ok(errors.Join(rotate(of), of.Save(t.Context())))
				if s.store.Len() != 1 {
					t.Errorf("%d rows", s.store.Len())
				}
				wantOpens(t, s, first, false)
				wantOpens(t, s, of.ID().Reveal(), true)
				s.ok(of.Destroy(t.Context()))
				if s.store.Len() != 0 {
					t.Errorf("%d rows after Destroy", s.store.Len())
				}
			})
		}
	}
}
