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

func derive(t *testing.T, m *session.Manager, change func(*session.Config)) *session.Manager {
	t.Helper()
	derived, err := m.Derive(change)
	if err != nil {
		t.Fatal(err)
	}
	return derived
}

// Inside of its parent's middleware a derived manager goes on with the same session: one load, one commit.
func TestDerivedInsideOfItsParent(t *testing.T) {
	s := newSite(t)
	child := derive(t, s.m, func(c *session.Config) { c.IdleTimeout = time.Minute; c.MaxBytes = 64 })
	grandchild := derive(t, child, func(c *session.Config) { c.AbsoluteTimeout = 2 * time.Hour })
	b := s.browser(s.stored("a"))
	outer := func(w http.ResponseWriter, r *http.Request) {
		before := session.FromContext(r.Context())
		s.ok(before.Set("outer", 1))
		child.Handler(grandchild.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			for name, m := range map[string]*session.Manager{"parent": s.m, "child": child, "grandchild": grandchild} {
				if m.FromContext(r.Context()) != of {
					t.Errorf("%s finds another session", name)
				}
			}
			if of != before || of.Timeout() != time.Minute || of.AbsoluteTimeout() != 2*time.Hour {
				t.Errorf("same %v, timeouts %v and %v", of == before, of.Timeout(), of.AbsoluteTimeout())
			}
			s.ok(of.Set("inner", 1))
		}))).ServeHTTP(w, r)
	}
	wantStatus(t, b.visit(outer), http.StatusOK)
	wantEvents(t, s.store, "load", "save")
	wantKeys(t, b.keys(), "a", "inner", "outer")
}

// The child's limits hold for what its routes do.
func TestDerivedConfigurationHolds(t *testing.T) {
	s := newSite(t)
	child := derive(t, s.m, func(c *session.Config) {
		c.MaxBytes = 32
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, "the child's answer", session.StatusCode(err))
		}
	})
	b := s.browser(s.stored("a"))
	var inner http.HandlerFunc = func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("b", "more than 32 in all"))
	}
	w := b.visit(func(w http.ResponseWriter, r *http.Request) { child.Handler(inner).ServeHTTP(w, r) })
	wantStatus(t, w, http.StatusRequestEntityTooLarge)
	if w.Body.String() != "the child's answer\n" {
		t.Errorf("body %q", w.Body)
	}
	wantStatus(t, b.visit(inner), http.StatusOK)
}

// A child can let fewer pages open sockets, and make rows for them.
func TestDerivedSocketConfigurationHolds(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.WebSocket.Origins = []string{"https://a.example", "https://b.example"} })
	child := derive(t, s.m, func(c *session.Config) {
		c.WebSocket.Origins = []string{"https://b.example"}
		c.WebSocket.Create = true
	})
	for origin, want := range map[string]int{"https://a.example": 403, "https://b.example": 101, "null": 403} {
		r := s.browser().request()
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {origin}}
		w := httptest.NewRecorder()
		s.m.Handler(child.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusSwitchingProtocols)
		}))).ServeHTTP(w, r)
		if w.Code != want || (w.Header().Get("Set-Cookie") != "") != (want == 101) {
			t.Errorf("%s: status %d, cookie %v", origin, w.Code, w.Header().Get("Set-Cookie") != "")
		}
	}
	if n := s.store.Len(); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// What a child's handler reads makes the response depend on the cookie.
func TestDerivedVaries(t *testing.T) {
	s := newSite(t)
	child := derive(t, s.m, func(*session.Config) {})
	w := s.browser().visit(func(w http.ResponseWriter, r *http.Request) {
		child.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			session.FromContext(r.Context()).Has("a")
		})).ServeHTTP(w, r)
	})
	if w.Header().Get("Vary") != "Cookie" {
		t.Errorf("Vary %q", w.Header()["Vary"])
	}
}

// Deriving leaves the parent as it was, and so does what is done to the copy.
func TestParentIsUntouched(t *testing.T) {
	origins := []string{"https://a.example"}
	s := newSite(t, func(c *session.Config) { c.WebSocket.Origins = origins })
	derive(t, s.m, func(c *session.Config) {
		c.IdleTimeout = time.Minute
		c.WebSocket.Origins[0] = "https://evil.example"
		c.Cookie.Name = "other"
		c.Disabled = true
	})
	if of := s.m.NewSession(); of.Timeout() != time.Hour || origins[0] != "https://a.example" {
		t.Errorf("timeout %v, origins %q", of.Timeout(), origins)
	}
	b := s.browser(s.stored("a"))
	wantKeys(t, b.keys(), "a")
	again := derive(t, s.m, func(c *session.Config) {
		if c.IdleTimeout != 0 || c.WebSocket.Origins[0] != "https://a.example" || c.Disabled {
			t.Errorf("the next derivation starts from %v, %q, %v", c.IdleTimeout, c.WebSocket.Origins, c.Disabled)
		}
	})
	if again.Store() != s.m.Store() {
		t.Error("another store")
	}
}

// Beside its parent, a derived manager opens the parent's sessions.
func TestDerivedBesideItsParent(t *testing.T) {
	s := newSite(t)
	child := derive(t, s.m, func(c *session.Config) { c.IdleTimeout = time.Minute })
	b := s.browser(s.stored("a"))
	w := httptest.NewRecorder()
	child.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		wantKeys(t, session.FromContext(r.Context()).Keys(), "a")
	})).ServeHTTP(w, b.request())
	wantStatus(t, w, http.StatusOK)
	wantEvents(t, s.store, "load")
}

// A part of the routes may be without sessions, and a part of these with them again.
func TestDerivedDisabled(t *testing.T) {
	s := newSite(t)
	off := derive(t, s.m, func(c *session.Config) { c.Disabled = true })
	b := s.browser(s.stored("a"))
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		off.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, ok := session.Lookup(r.Context()); ok {
				t.Error("there is a session in the disabled part")
			}
			s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				wantKeys(t, session.FromContext(r.Context()).Keys(), "a")
			})).ServeHTTP(w, r)
		})).ServeHTTP(w, r)
	})
	wantEvents(t, s.store, "load")
}

// Two managers with cookies of their own serve one request side by side; each loads and commits its own session, and
// one token does not open the other's.
func TestTwoManagersWithDifferentCookies(t *testing.T) {
	for name, make := range map[string]func(*site) *session.Manager{
		"derived": func(s *site) *session.Manager {
			return derive(t, s.m, func(c *session.Config) { c.Cookie.Name = "__Host-admin" })
		},
		"made anew": func(s *site) *session.Manager {
			m, err := session.New(s.store, session.Config{Cookie: session.Cookie{Name: "__Host-admin"}})
			s.ok(err)
			return m
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			admin := make(s)
			b := s.browser()
			visit := func(fn func(user, admin *session.Session)) *httptest.ResponseRecorder {
				return b.visit(func(w http.ResponseWriter, r *http.Request) {
					admin.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
						fn(s.m.FromContext(r.Context()), admin.FromContext(r.Context()))
						if session.FromContext(r.Context()) != admin.FromContext(r.Context()) {
							t.Error("FromContext does not find the innermost")
						}
					})).ServeHTTP(w, r)
				})
			}
			visit(func(user, admin *session.Session) { s.ok(errors.Join(user.Set("user", 1), admin.Set("admin", 1))) })
			if len(b.cookies) != 2 || s.store.Len() != 2 {
				t.Fatalf("%d cookies, %d rows", len(b.cookies), s.store.Len())
			}
			visit(func(user, admin *session.Session) {
				wantKeys(t, user.Keys(), "user")
				wantKeys(t, admin.Keys(), "admin")
			})
			b.cookies["__Host-admin"] = b.cookies[hostCookie]
			visit(func(user, admin *session.Session) {
				wantKeys(t, user.Keys(), "user")
				wantKeys(t, admin.Keys())
			})
		})
	}
}

// Of two managers, the one whose commit fails answers, and with its 503 the other saves nothing either.
func TestTwoManagersOfWhichOneFails(t *testing.T) {
	s := newSite(t)
	other := newSite(t, func(c *session.Config) { c.Cookie.Name = "__Host-other" })
	other.store.failBefore(errDown, "create")
	b := s.browser()
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("k", 1))
		other.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Set("k", 1))
		})).ServeHTTP(w, r)
	})
	wantStatus(t, w, http.StatusServiceUnavailable)
	if len(b.cookies) != 0 || s.store.Len() != 0 {
		t.Errorf("cookies %v, %d rows", b.cookies, s.store.Len())
	}
}

func TestEnabledDecidesForEachRequest(t *testing.T) {
	noBot := func(r *http.Request) bool { return r.Header.Get("X-Bot") == "" }
	s := newSite(t, func(c *session.Config) { c.Enabled = noBot })
	b := s.browser(s.stored("a"))
	for _, bot := range []bool{false, true} {
		r := b.request()
		if bot {
			r.Header.Set("X-Bot", "1")
		}
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if _, ok := s.m.Lookup(r.Context()); ok == bot {
				t.Errorf("bot %v has a session: %v", bot, ok)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
	wantEvents(t, s.store, "load")
}

// A stricter manager inside does not show what has ended by its configuration.
func TestAStricterManagerInside(t *testing.T) {
	s := newSite(t)
	strict := derive(t, s.m, func(c *session.Config) { c.IdleTimeout, c.AbsoluteTimeout = 5*time.Minute, 10*time.Minute })
	b := s.browser(s.stored("a"))
	s.store.Advance(30 * time.Minute)
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		strict.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			wantIs(t, "inside", of.Err(), session.ErrExpired)
			if of.Has("a") {
				t.Error("an expired session is read")
			}
		})).ServeHTTP(w, r)
	})
	wantKeys(t, b.keys(), "a")
}

// What a manager inside has made durable is told to the client, also where that of the one around it fails.
func TestACookieFromInsideStands(t *testing.T) {
	s := newSite(t)
	admin := derive(t, s.m, func(c *session.Config) { c.Cookie.Name = "__Host-admin" })
	b := s.browser(s.stored("a"))
	s.store.failBefore(session.ErrGone, "save")
	w := b.visit(func(w http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Set("b", 1))
		admin.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Set("inside", 1))
		})).ServeHTTP(w, r)
	})
	wantStatus(t, w, http.StatusConflict)
	if lines := w.Result().Header["Set-Cookie"]; len(lines) != 1 || b.cookies["__Host-admin"] == "" {
		t.Errorf("%d cookies, want that of the manager inside", len(lines))
	}
}

// The end that a manager tells of is the one that its own timeouts bring.
func TestTheEndByAStricterManager(t *testing.T) {
	s := newSite(t)
	strict := derive(t, s.m, func(c *session.Config) { c.IdleTimeout, c.AbsoluteTimeout = 5*time.Minute, 10*time.Minute })
	of := s.stored("a")
	s.ok(errors.Join(of.SetOwner("ann"), of.Save(t.Context())))
	opened, err := strict.Open(t.Context(), of.ID().Reveal())
	s.ok(err)
	infos, err := strict.Sessions(t.Context(), "ann")
	s.ok(err)
	if len(infos) != 1 || !infos[0].ExpiresAt.Equal(infos[0].CreatedAt.Add(5*time.Minute)) ||
		!opened.Expiration().Equal(infos[0].ExpiresAt) {
		t.Errorf("listed %+v, expires %v", infos, opened.Expiration())
	}
}

// A request under a stricter manager that begins in time ends well, and its session lives on elsewhere.
func TestAStricterManagersRequestEndsWell(t *testing.T) {
	for name, down := range map[string]bool{"kept alive": false, "the store is down": true} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t)
			strict := derive(t, s.m, func(c *session.Config) { c.IdleTimeout = 5 * time.Minute })
			b := s.browser(s.stored("a"))
			time.Sleep(4*time.Minute + 58*time.Second)
			if down {
				s.store.failBefore(errDown, "touch")
			}
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				strict.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(3 * time.Second)
					s.ok(session.FromContext(r.Context()).Set("k", 1))
					w.WriteHeader(http.StatusOK)
				})).ServeHTTP(w, r)
			})
			s.store.failBefore(nil)
			if wantNoCookie(t, w); down {
				wantStatus(t, w, http.StatusConflict)
				wantKeys(t, b.keys(), "a")
				return
			}
			wantStatus(t, w, http.StatusOK)
			wantKeys(t, b.keys(), "a", "k")
		})
	}
}

// What was changed around a stricter manager is saved, whatever that one withholds from its handlers.
func TestAChangeAroundAStricterManager(t *testing.T) {
	for name, inner := range map[string]http.HandlerFunc{
		"redirects":       func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/login", http.StatusSeeOther) },
		"answers nothing": func(http.ResponseWriter, *http.Request) {},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			strict := derive(t, s.m, func(c *session.Config) { c.IdleTimeout = 5 * time.Minute })
			b := s.browser(s.stored("a"))
			s.store.Advance(30 * time.Minute)
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				s.ok(session.FromContext(r.Context()).Set("last page", "/x"))
				strict.Handler(inner).ServeHTTP(w, r)
				if of := session.FromContext(r.Context()); of.Err() != nil || !of.Has("a") {
					t.Errorf("around it: %v, %q", of.Err(), of.Keys())
				}
			})
			if w.Code >= 400 {
				t.Errorf("status %d", w.Code)
			}
			wantKeys(t, b.keys(), "a", "last page")
		})
	}
}

// A login around a stricter manager brings its cookie, whoever answers and however it was saved.
func TestALoginAroundAStricterManager(t *testing.T) {
	for name, save := range map[string]func(*session.Session) error{
		"at the commit":  func(*session.Session) error { return nil },
		"by the handler": func(of *session.Session) error { return of.Save(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			strict := derive(t, s.m, func(c *session.Config) { c.AbsoluteTimeout, c.IdleTimeout = 10*time.Minute, 5*time.Minute })
			b := s.browser(s.stored("a"))
			s.store.Advance(30 * time.Minute)
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				s.ok(errors.Join(of.Rotate(), save(of)))
				strict.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					wantIs(t, "inside", session.FromContext(r.Context()).Err(), session.ErrExpired)
					w.WriteHeader(http.StatusAccepted)
				})).ServeHTTP(w, r)
			})
			wantStatus(t, w, http.StatusAccepted)
			wantKeys(t, b.keys(), "a")
		})
	}
}

// What a handler under a derived manager has left to be saved at its return is saved as at the end of a request.
func TestTheEndUnderADerivedManager(t *testing.T) {
	under := func(s *site, change func(c *session.Config), inner http.HandlerFunc) http.HandlerFunc {
		return derive(t, s.m, change).Handler(inner).ServeHTTP
	}
	none := func(c *session.Config) { c.RotationGrace = 20 * time.Second }
	t.Run("a rotation of unknown outcome", func(t *testing.T) {
		s := newSite(t)
		b := s.browser(s.stored("a"))
		w := b.visit(under(s, none, func(_ http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Rotate())
			s.store.failAfter(errDown, "save")
		}))
		wantStatus(t, w, http.StatusOK)
		wantKeys(t, b.keys(), "a")
	})
	t.Run("a client that has gone", func(t *testing.T) {
		s := newSite(t)
		live := s.stored("a")
		ctx, cancel := context.WithCancel(t.Context())
		s.m.Handler(under(s, none, func(_ http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Login("ann"))
			cancel()
		})).ServeHTTP(httptest.NewRecorder(), s.browser(live).request().WithContext(ctx))
		if now := s.open(live); now.Owner() != "" {
			t.Error("a login of which nobody hears")
		}
	})
	t.Run("a handshake that is not answered", func(t *testing.T) {
		s := newSite(t)
		r := s.browser().request()
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"https://app.example.com"}}
		create := func(c *session.Config) { c.WebSocket.Create = true }
		s.m.Handler(under(s, create, func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), r)
		if n := s.store.Len(); n != 0 {
			t.Errorf("%d rows for a socket that was not opened", n)
		}
	})
	t.Run("a socket's refused change", func(t *testing.T) {
		s := newSite(t)
		live := s.stored("a")
		r := s.browser(live).request()
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Origin": "https://app.example.com"} {
			r.Header.Set(name, value)
		}
		s.m.Handler(under(s, none, func(w http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			w.WriteHeader(http.StatusSwitchingProtocols)
			wantIs(t, "Rotate", of.Rotate(), session.ErrNoCookie)
			s.ok(of.Set("draft", 1))
		})).ServeHTTP(httptest.NewRecorder(), r)
		if now := s.open(live); !now.Has("draft") {
			t.Error("a change that nobody has refused is lost")
		}
	})
	t.Run("a handshake whose commit has failed", func(t *testing.T) {
		s := newSite(t)
		live := s.stored("a")
		r := s.browser(live).request()
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Origin": "https://app.example.com"} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		s.m.Handler(under(s, none, func(w http.ResponseWriter, r *http.Request) {
			s.ok(session.FromContext(r.Context()).Set("k", 1))
			s.store.failBefore(errDown, "save")
			w.WriteHeader(http.StatusSwitchingProtocols)
			s.store.failBefore(nil)
		})).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusServiceUnavailable)
		if now := s.open(live); now.Has("k") {
			t.Error("what was answered with 503 is saved")
		}
	})
}
