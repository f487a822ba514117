package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// A session in constant use lives until its absolute end: the last accesses before it are written although they gain less
// than a step.
func TestTheLastAccessBeforeTheAbsoluteEnd(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t, func(c *session.Config) { c.IdleTimeout, c.TouchStep = 10*time.Minute, time.Minute })
		of := s.stored("a")
		b := s.browser(of)
		access := func() { b.use(reading); synctest.Wait() }
		end := time.Now().Add(24 * time.Hour)
		for time.Until(end) > 15*time.Minute {
			time.Sleep(5 * time.Minute)
			access()
		}
		time.Sleep(time.Until(end.Add(-10*time.Minute - 30*time.Second)))
		access() // written: it moves the expiry to half a minute before the end
		time.Sleep(5*time.Minute + 30*time.Second)
		access()
		time.Sleep(5*time.Minute - time.Millisecond)
		if !s.alive(of) {
			t.Error("dead before its absolute end")
		}
		time.Sleep(time.Millisecond)
		if s.alive(of) {
			t.Error("alive after its absolute end")
		}
	})
}

// An explicit Update writes on every store, however little it gains.
func TestUpdateBelowAStep(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		of := s.open(s.stored("a"))
		time.Sleep(time.Second)
		s.ok(of.Update(t.Context()))
		if left := time.Until(of.Expiration()); left != time.Hour {
			t.Errorf("expires in %v", left)
		}
	})
}

// What a recovered panic answers saves nothing, whatever the handler has set.
func TestARecoveryInsideSavesNothing(t *testing.T) {
	for name, change := range map[string]func(*session.Session) error{
		"change": func(s *session.Session) error { return s.Set("k", 1) },
		"login":  func(s *session.Session) error { return s.Login("ann") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("a")
			b := s.browser(live)
			w := httptest.NewRecorder()
			s.m.Handler(recovering(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				s.ok(change(session.FromContext(r.Context())))
				panic("no")
			}))).ServeHTTP(w, b.request())
			wantStatus(t, w, http.StatusInternalServerError)
			wantNoCookie(t, w)
			if now := s.open(live); now.Has("k") || now.Owner() != "" {
				t.Errorf("entries %q, owner %q", now.Keys(), now.Owner())
			}
		})
	}
}

// A recovery outside of the middleware, to which the middleware's writer was left, answers as it likes.
func TestARecoveryOutsideAnswers(t *testing.T) {
	s := newSite(t)
	w := httptest.NewRecorder()
	var inner http.ResponseWriter
	func() {
		defer func() { _ = recover() }()
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner = w
			s.ok(session.FromContext(r.Context()).Set("k", 1))
			panic("no")
		})).ServeHTTP(w, s.browser().request())
	}()
	inner.WriteHeader(http.StatusTeapot)
	fmt.Fprint(inner, "its page")
	if w.Code != http.StatusTeapot || w.Body.String() != "its page" || s.store.Len() != 0 {
		t.Errorf("status %d, body %q, %d rows", w.Code, w.Body, s.store.Len())
	}
}

// A request that begins in time ends well, whichever timeout passes while it runs.
func TestARequestThatBeginsInTimeEndsWell(t *testing.T) {
	for name, c := range map[string]struct {
		idle, absolute, begin, length time.Duration
		lives                         bool
	}{
		"idle":             {2 * time.Second, time.Hour, 1500 * time.Millisecond, 1500 * time.Millisecond, true},
		"idle, much later": {2 * time.Second, time.Hour, 1500 * time.Millisecond, 20 * time.Second, true},
		"absolute":         {2 * time.Second, 3 * time.Second, 1900 * time.Millisecond, 1500 * time.Millisecond, false},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t, func(config *session.Config) { config.IdleTimeout, config.AbsoluteTimeout = c.idle, c.absolute })
			b := s.browser(s.stored("a"))
			time.Sleep(c.begin)
			w := b.use(func(of *session.Session) error {
				time.Sleep(c.length)
				return of.Set("k", 1)
			})
			wantStatus(t, w, http.StatusOK)
			if c.lives {
				wantKeys(t, b.keys(), "a", "k")
			} else if len(b.cookies) != 0 {
				t.Error("the cookie of an expired session is left")
			}
		})
	}
}

// A socket that keeps no session alive does not do so if the session has less than a minute either.
func TestABriefSessionExpiresUnderItsSocket(t *testing.T) {
	for name, inner := range map[string]bool{"of the manager": false, "of one derived from it": true} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t, func(c *session.Config) { c.IdleTimeout, c.WebSocket.NoKeepAlive = 30*time.Second, !inner })
			r := s.browser(s.stored("a")).request()
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Origin": "https://app.example.com"} {
				r.Header.Set(name, value)
			}
			var handler http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusSwitchingProtocols)
				select {
				case <-r.Context().Done():
					wantIs(t, "cause", context.Cause(r.Context()), session.ErrExpired)
				case <-time.After(time.Hour):
					t.Error("it lives on")
				}
			})
			if inner {
				handler = derive(t, s.m, func(c *session.Config) { c.WebSocket.NoKeepAlive = true }).Handler(handler)
			}
			s.m.Handler(handler).ServeHTTP(httptest.NewRecorder(), r)
		})
	}
}

// What somebody else has ended is not begun anew without a word.
func TestGenerateAfterAnEndFromElsewhere(t *testing.T) {
	for name, end := range map[string]func(*site, *session.Session) error{
		"destroyed": func(s *site, of *session.Session) error { return s.open(of).Destroy(s.t.Context()) },
		"revoked":   func(s *site, of *session.Session) error { _, err := s.m.Revoke(s.t.Context(), of.Handle()); return err },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("a"))
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				s.ok(end(s, of))
				wantIs(t, "Load", of.Load(r.Context()), session.ErrGone)
				for what, err := range map[string]error{"Generate": of.Generate(), "Renew": of.Renew(), "Login": of.Login("ann")} {
					wantIs(t, what, err, session.ErrGone)
				}
				w.WriteHeader(http.StatusConflict)
			})
			wantNoCookie(t, w)
			if s.store.Len() != 0 {
				t.Errorf("%d rows", s.store.Len())
			}
		})
	}
}

// The entries that a connection has seen stay readable when the session is ended from elsewhere: a handler that loops over
// them does not find an empty session from one line to the next.
func TestTheLastViewStaysReadable(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored("a", "b"))
	s.ok(s.open(of).Destroy(t.Context()))
	wantIs(t, "Load", of.Load(t.Context()), session.ErrGone)
	wantIs(t, "Err", of.Err(), session.ErrGone)
	n := 0
	for range of.All() {
		n++
	}
	if raw, ok := of.Raw("a"); n != 2 || of.Len() != 2 || !of.Has("a") || !ok || string(raw) != `"a's value"` {
		t.Errorf("%d entries, Len %d, a is %s", n, of.Len(), raw)
	}
	wantKeys(t, of.Keys(), "a", "b")
	_, err := session.Get[string](of, "a")
	wantIs(t, "Get", err, session.ErrGone)
	mine := s.open(s.stored("a"))
	s.ok(mine.Destroy(t.Context()))
	wantKeys(t, mine.Keys())
}

// So do those of a handler that lives long, whose session is revoked while it loops over them.
func TestTheLastViewStaysReadableInALoop(t *testing.T) {
	s := newSite(t)
	live := s.stored("a", "b")
	s.browser(live).visit(func(_ http.ResponseWriter, r *http.Request) {
		ctx, err := session.Watch(r.Context())
		s.ok(err)
		of := session.FromContext(r.Context())
		var seen []string
		for key := range of.All() {
			if len(seen) == 0 {
				_, err := s.m.Revoke(t.Context(), live.Handle())
				s.ok(err)
				<-ctx.Done()
			}
			if seen = append(seen, key); !of.Has(key) || of.Len() != 2 {
				t.Errorf("%q is there: %v, of %d entries", key, of.Has(key), of.Len())
			}
		}
		wantKeys(t, seen, "a", "b")
		wantIs(t, "Err", of.Err(), session.ErrRevoked)
	})
}

// A visitor who sets something and deletes it leaves nothing.
func TestSetAndDeleteLeaveNoRow(t *testing.T) {
	setAndDelete := func(e session.Entries) error { return errors.Join(e.Set("k", 1), e.Delete("k")) }
	for name, use := range map[string]func(*session.Session) error{
		"Delete": func(of *session.Session) error { return setAndDelete(of) },
		"Clear":  func(of *session.Session) error { return errors.Join(of.Set("k", 1), of.Clear()) },
		"in Modify": func(of *session.Session) error {
			return of.Modify(t.Context(), func(d *session.Draft) error { return setAndDelete(d) })
		},
		"Clear in Modify": func(of *session.Session) error {
			return of.Modify(t.Context(), func(d *session.Draft) error { return errors.Join(d.Set("k", 1), d.Clear()) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			wantNoCookie(t, b.use(use))
			wantEvents(t, s.store)
			b = s.browser(s.stored("k"))
			b.use(use)
			wantKeys(t, b.keys())
		})
	}
}

// Manager.Open is an access: a job that opens a session now and then keeps it alive.
func TestOpenIsAnAccess(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		of := s.stored("a")
		for range 8 {
			time.Sleep(25 * time.Minute)
			of = s.open(of)
			s.ok(of.Save(t.Context()))
		}
	})
}

// A derived manager's shorter idle timeout holds on its routes, for sessions with a longer one of their own too, and does
// not end what is in use elsewhere; near the absolute end as before.
func TestStricterIdleTimeout(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		strict := derive(t, s.m, func(c *session.Config) { c.IdleTimeout = 5 * time.Minute })
		remembered := s.m.NewSession()
		s.ok(errors.Join(remembered.SetTimeout(24*time.Hour), remembered.Save(t.Context())))
		of := s.stored("a")
		opens := func(m *session.Manager, of *session.Session) bool {
			_, err := m.Open(t.Context(), of.ID().Reveal())
			return err == nil
		}
		for at := time.Duration(0); at < 23*time.Hour+50*time.Minute; at += 4 * time.Minute {
			if !opens(s.m, of) || !opens(strict, of) {
				t.Fatalf("ended in use after %v", at)
			}
			time.Sleep(4 * time.Minute)
		}
		if opens(strict, remembered) || !opens(s.m, remembered) {
			t.Errorf("idle for a day: the stricter manager opens it: %v", opens(strict, remembered))
		}
		time.Sleep(5 * time.Minute)
		if opens(strict, of) || !opens(s.m, of) {
			t.Errorf("idle for nine minutes: the stricter manager opens it: %v", opens(strict, of))
		}
	})
}

// An inner manager's configuration does not stay in force for the middleware around it.
func TestADerivedConfigurationIsTakenBack(t *testing.T) {
	s := newSite(t)
	small := derive(t, s.m, func(c *session.Config) { c.MaxBytes = 64; c.IdleTimeout = time.Minute })
	b := s.browser(s.stored("a"))
	wantStatus(t, b.visit(func(w http.ResponseWriter, r *http.Request) {
		small.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		of := session.FromContext(r.Context())
		s.ok(of.Set("large", strings.Repeat("x", 100)))
		if of.Timeout() != time.Hour {
			t.Errorf("timeout %v", of.Timeout())
		}
	}), http.StatusOK)
	wantKeys(t, b.keys(), "a", "large")
}

func TestTwoRealmsWithOneCookieAreRefused(t *testing.T) {
	s := newSite(t)
	if _, err := s.m.Derive(func(c *session.Config) { c.Realm = "admin" }); err == nil {
		t.Error("two realms have one cookie")
	}
	if _, err := s.m.Derive(func(c *session.Config) { c.Realm, c.Cookie.Name = "admin", "__Host-admin" }); err != nil {
		t.Error(err)
	}
}

// Two realms have owners of their own.
func TestRealmsSeparateOwners(t *testing.T) {
	s := newSite(t)
	admin := derive(t, s.m, func(c *session.Config) { c.Realm, c.Cookie.Name = "admin", "__Host-admin" })
	for _, m := range []*session.Manager{s.m, admin} {
		of := m.NewSession()
		s.ok(errors.Join(of.Login("42"), of.Save(t.Context())))
	}
	for _, m := range []*session.Manager{s.m, admin} {
		sessions, err := m.Sessions(t.Context(), "42")
		if s.ok(err); len(sessions) != 1 {
			t.Errorf("%d sessions", len(sessions))
		}
		if n, err := m.RevokeOwner(t.Context(), "42", session.Handle{}); n != 1 || err != nil {
			t.Errorf("%d revoked, %v", n, err)
		}
	}
}

// The next user of a browser inherits nothing of the one before, unless told to.
func TestLoginAsSomebodyElse(t *testing.T) {
	for name, keep := range map[string]bool{"": false, "keep": true} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("basket"))
			b.use(func(of *session.Session) error {
				return errors.Join(of.Login("ada"), of.SetAbsoluteTimeout(90*24*time.Hour), of.SetTimeout(30*24*time.Hour),
					of.SetPersistent(false), of.Set("ada", 1))
			})
			b.use(func(of *session.Session) error {
				if keep {
					return of.Login("bob", session.KeepEntries())
				}
				return of.Login("bob")
			})
			b.use(func(of *session.Session) error {
				if of.Owner() != "bob" || of.Has("ada") != keep || of.AbsoluteTimeout() != 24*time.Hour || of.Timeout() != time.Hour {
					t.Errorf("%s has %q, timeouts %v and %v", of.Owner(), of.Keys(), of.Timeout(), of.AbsoluteTimeout())
				}
				return nil
			})
		})
	}
}

// An owner by SetOwner alone is a new token too: whoever planted the old one is not logged in.
func TestSetOwnerRotates(t *testing.T) {
	s := newSite(t)
	live := s.stored("a")
	b := s.browser(live)
	b.use(func(of *session.Session) error { return of.SetOwner("ann") })
	wantOpens(t, s, live.ID().Reveal(), false)
	before := b.token()
	b.use(func(of *session.Session) error { return of.SetOwner("ann") })
	if b.token() != before {
		t.Error("the same owner is a rotation")
	}
}

// What docs/guide/owners.md has a change of password do: whoever has copied this session's cookie, or another one of the
// user's, is out, and the user goes on here with a new token.
func TestAChangedPasswordEndsAStolenSession(t *testing.T) {
	s := newSite(t)
	login := func(of *session.Session) error { return of.Login("ann") }
	mine, other, bob := s.browser(s.stored("basket")), s.browser(), s.browser()
	mine.use(login)
	other.use(login)
	bob.use(func(of *session.Session) error { return of.Login("bob") })
	thief := s.browser()
	thief.cookies[hostCookie] = mine.token()
	mine.visit(func(_ http.ResponseWriter, r *http.Request) {
		ctx, of := r.Context(), session.FromContext(r.Context())
		s.ok(errors.Join(of.Login("ann"), of.Save(ctx)))
		if ended, err := s.m.RevokeOwner(ctx, "ann", of.Handle()); ended != 1 || err != nil {
			t.Errorf("%d ended, %v", ended, err)
		}
	})
	if mine.token() == thief.token() {
		t.Error("the token is the one from before")
	}
	for name, c := range map[string]struct {
		b     *browser
		owner string
	}{"thief": {thief, ""}, "other": {other, ""}, "this one": {mine, "ann"}, "bob": {bob, "bob"}} {
		c.b.use(func(of *session.Session) error {
			if of.Owner() != c.owner && of.Err() == nil || c.owner != "" && of.Err() != nil {
				t.Errorf("%s: %q, %v", name, of.Owner(), of.Err())
			}
			return nil
		})
	}
	wantKeys(t, mine.keys(), "basket")
	wantOpens(t, s, thief.token(), false)
}

func TestAuthenticatedWithin(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("a"))
		fresh := func() (fresh bool) {
			b.use(func(of *session.Session) error { fresh = of.AuthenticatedWithin(10 * time.Minute); return nil })
			return fresh
		}
		steps := []struct {
			do   func(*session.Session) error
			wait time.Duration
			want bool
		}{
			{reading, 0, false},
			{func(of *session.Session) error { return of.Login("ann") }, 10 * time.Minute, true},
			{reading, time.Millisecond, false},
			{(*session.Session).Rotate, 0, false},
			{(*session.Session).ConfirmAuthentication, time.Minute, true},
		}
		for i, step := range steps {
			b.use(step.do)
			time.Sleep(step.wait)
			if got := fresh(); got != step.want {
				t.Errorf("step %d: %v", i, got)
			}
		}
	})
}

// A cookie's lifetime follows a longer absolute timeout of the configuration at the next visit.
func TestALongerAbsoluteTimeoutReachesTheCookie(t *testing.T) {
	bubble(t, "", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("a"))
		wantNoCookie(t, b.use(reading))
		time.Sleep(time.Minute)
		next := newManager(t, s.store, session.Config{AbsoluteTimeout: 48 * time.Hour, Logger: discard()})
		visit := func() *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			next.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, b.request())
			return w
		}
		if got, want := maxAge(t, visit()), 48*60*60-60; got != want {
			t.Errorf("Max-Age %d, want %d", got, want)
		}
		wantNoCookie(t, visit())
	})
}

// Whether a cookie is persistent survives the rotation by a later request.
func TestPersistenceSurvivesRotation(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	b.use(func(of *session.Session) error { return of.SetPersistent(false) })
	if got := maxAge(t, b.use(generate)); got != 0 {
		t.Errorf("Max-Age %d", got)
	}
}

// An Exchange does for other protocols what the middleware does for HTTP.
func TestExchange(t *testing.T) {
	s := newSite(t)
	call := func(token string, fn func(ctx context.Context) error) string {
		x, err := s.m.Begin(t.Context(), token)
		s.ok(err)
		defer x.Close()
		s.ok(errors.Join(fn(x.Context()), x.Commit()))
		if next, due := x.Token(); due {
			return next
		}
		return token
	}
	token := call("", func(ctx context.Context) error { return session.FromContext(ctx).Set("k", 1) })
	if again := call(token, func(ctx context.Context) error { return session.FromContext(ctx).Set("l", 1) }); again != token {
		t.Error("a token without a rotation")
	}
	login := call(token, func(ctx context.Context) error { return session.FromContext(ctx).Login("ann") })
	wantOpens(t, s, token, false)
	wantOpens(t, s, login, true)
	if end := call(login, func(ctx context.Context) error { return session.FromContext(ctx).Destroy(ctx) }); end != "" {
		t.Error("a token after Destroy")
	}
}
