package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

const proofCookie = hostCookie + "-proof"

// Within a manager that asks for no proof, one that does withholds the session from a request without it, and shows it
// to one that has it.
func TestAManagerWithinAsksForAProof(t *testing.T) {
	for name, outer := range map[string]session.DeviceBound{
		"one that allows all":   {Path: "/device", AllowUnproven: true},
		"one that checks none":  {},
		"one that asks as well": {Path: "/device"},
	} {
		s := deviceSite(t)
		d := bound(t, s)
		around := derive(t, s.m, func(c *session.Config) { c.DeviceBound = outer })
		within := func(w http.ResponseWriter, r *http.Request) (owner string, before, inside, after error) {
			around.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				before = of.Err()
				s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					inside, owner = of.Err(), of.Owner()
				})).ServeHTTP(w, r)
				after = of.Err()
			})).ServeHTTP(w, r)
			return owner, before, inside, after
		}
		owner, before, inside, after := within(httptest.NewRecorder(), d.request())
		if err := errors.Join(before, inside, after); err != nil || owner != "ann" {
			t.Errorf("%s, with the proof: %q, %v", name, owner, err)
		}
		delete(d.cookies, proofCookie)
		s.store.taken()
		owner, before, inside, after = within(httptest.NewRecorder(), d.request())
		if before != nil && name != "one that asks as well" || !errors.Is(inside, session.ErrUnproven) || owner != "" {
			t.Errorf("%s: before %v; within %v, owner %q", name, before, inside, owner)
		}
		wantIs(t, name+", after it", after, session.ErrUnproven)
		wantEvents(t, s.store, "load")
	}
}

// Where two managers allow a request without a proof, it is observed once.
func TestUnprovenIsObservedOnce(t *testing.T) {
	n := 0
	s := newSite(t, func(c *session.Config) {
		c.DeviceBound = session.DeviceBound{Path: "/device", AllowUnproven: true}
		c.Observe = func(_ context.Context, o session.Observation) {
			if o.Op == session.OpUnproven {
				n++
			}
		}
	})
	d := bound(t, s)
	delete(d.cookies, proofCookie)
	within := derive(t, s.m, func(*session.Config) {})
	d.visit(func(w http.ResponseWriter, r *http.Request) { within.Handler(http.NotFoundHandler()).ServeHTTP(w, r) })
	if n != 1 {
		t.Errorf("%d observations", n)
	}
}

// What a manager within withholds is as withheld by one alone: a login begins anew, a link from elsewhere is loaded
// again, a socket's context ends.
func TestWithheldWithin(t *testing.T) {
	s := deviceSite(t)
	lax := derive(t, s.m, func(c *session.Config) { c.DeviceBound.AllowUnproven = true })
	d := bound(t, s)
	delete(d.cookies, proofCookie)
	serve := func(header http.Header, fn http.HandlerFunc) *httptest.ResponseRecorder {
		r := d.request()
		for name, values := range header {
			r.Header[name] = values
		}
		w := httptest.NewRecorder()
		lax.Handler(s.m.Handler(fn)).ServeHTTP(w, r)
		d.take(w.Result())
		return w
	}
	link := http.Header{"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	if w := serve(link, func(http.ResponseWriter, *http.Request) { t.Error("the handler runs") }); w.Header().Get("Refresh") != "0" {
		t.Errorf("a link: %v", w.Header())
	}
	handshake := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"https://app.example.com"}}
	w := serve(handshake, func(w http.ResponseWriter, r *http.Request) {
		wantIs(t, "the socket's context", context.Cause(r.Context()), session.ErrUnproven)
		http.Error(w, "", http.StatusTeapot)
	})
	wantStatus(t, w, http.StatusTeapot)
	before := d.token()
	serve(nil, func(_ http.ResponseWriter, r *http.Request) { s.ok(session.FromContext(r.Context()).Login("ann")) })
	if owner, err := d.owner(); owner != "ann" || err != nil || d.token() == before {
		t.Errorf("after a login: %q, %v, the same token: %t", owner, err, d.token() == before)
	}
}

// Another host of the domain can set a cookie of the proof's name, and so can the site's own former configuration.
func TestAPlantedProof(t *testing.T) {
	s := deviceSite(t)
	d, other := bound(t, s), bound(t, s)
	lines := func(values ...string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
		r.AddCookie(&http.Cookie{Name: hostCookie, Value: d.token()})
		for _, value := range values {
			r.AddCookie(&http.Cookie{Name: proofCookie, Value: value})
		}
		return r
	}
	right, foreign := d.cookies[proofCookie], other.cookies[proofCookie]
	for name, c := range map[string]struct {
		proofs []string
		proven bool
	}{
		"one before":       {[]string{"x", right}, true},
		"one after":        {[]string{right, foreign}, true},
		"three before":     {[]string{foreign, "", foreign, right}, true},
		"more than looked": {[]string{"1", "2", "3", "4", right}, false},
		"others alone":     {[]string{foreign, "x"}, false},
	} {
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if of := session.FromContext(r.Context()); of.DeviceProven() != c.proven || (of.Err() == nil) != c.proven {
				t.Errorf("%s: proven %t, %v", name, of.DeviceProven(), of.Err())
			}
			w.WriteHeader(http.StatusTeapot)
		})).ServeHTTP(w, lines(c.proofs...))
		wantStatus(t, w, http.StatusTeapot)
	}
}

// copySite has one session of another system, which stays there.
func copySite(t *testing.T, allow bool) *site {
	old := &oldSystem{live: map[string]session.Imported{"ada": {Entries: map[string]any{"name": "Ada"}, Owner: "ada"}}}
	return newSite(t, func(c *session.Config) {
		c.DeviceBound = session.DeviceBound{Path: "/device", AllowUnproven: allow}
		c.Import = session.Import{From: old, Copy: true}
	})
}

// A session that has been copied from another system is offered to be bound. Once it is, the other system's cookie
// proves nothing, and brings no token.
func TestACopiedSessionIsBound(t *testing.T) {
	s := copySite(t, false)
	d := newDevice(s)
	d.cookies["old"] = "ada!"
	w := d.visit(func(http.ResponseWriter, *http.Request) {})
	wantStatus(t, d.register(challengeOf(w)), http.StatusOK)
	if owner, err := d.owner(); owner != "ada" || err != nil {
		t.Fatalf("bound: %q, %v", owner, err)
	}
	thief := newDevice(s)
	thief.cookies["old"], thief.id = "ada!", session.Handle{}.String()
	if owner, err := thief.owner(); owner != "" || !errors.Is(err, session.ErrUnproven) || thief.token() != "" {
		t.Errorf("a thief sees %q, %v, and has a token: %t", owner, err, thief.token() != "")
	}
	for _, path := range []string{"/register", "/refresh"} {
		thief.post(path, nil)
		if thief.token() != "" {
			t.Errorf("a thief has a token from %s", path)
		}
	}
	x, err := s.m.BeginRequest(thief.request())
	s.ok(err)
	defer x.Close()
	s.ok(x.Commit())
	if token, due := x.Token(); due || !errors.Is(x.Session().Err(), session.ErrUnproven) {
		t.Errorf("BeginRequest: %v, a token of %d bytes", x.Session().Err(), len(token))
	}
	thief.use(func(of *session.Session) error { return of.Login("eve") })
	if owner, err := thief.owner(); owner != "eve" || err != nil {
		t.Errorf("after a login: %q, %v", owner, err)
	}
}

// Where unproven requests are served, one that comes with the other system's cookie is given no token all the same.
func TestACopiedSessionIsServedUnproven(t *testing.T) {
	s := copySite(t, true)
	d := newDevice(s)
	d.cookies["old"] = "ada!"
	wantStatus(t, d.register(challengeOf(d.visit(func(http.ResponseWriter, *http.Request) {}))), http.StatusOK)
	thief := newDevice(s)
	thief.cookies["old"] = "ada!"
	if owner, err := thief.owner(); owner != "ada" || err != nil || thief.token() != "" {
		t.Errorf("%q, %v; a token: %t", owner, err, thief.token() != "")
	}
	thief.cookies[proofCookie] = d.cookies[proofCookie]
	if thief.owner(); thief.token() == "" {
		t.Error("with the proof, there is no token")
	}
}

// The endpoints of a manager within are none: they are the handler's, and asked for a proof as all others.
func TestDeviceRoutesWithin(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	delete(d.cookies, proofCookie)
	around := derive(t, s.m, func(c *session.Config) { c.DeviceBound = session.DeviceBound{} })
	for _, path := range []string{"/device/register", "/device/refresh"} {
		r := httptest.NewRequest(http.MethodPost, "https://app.example.com"+path, nil)
		r.AddCookie(&http.Cookie{Name: hostCookie, Value: d.token()})
		w := httptest.NewRecorder()
		around.Handler(s.m.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			wantIs(t, path, session.FromContext(r.Context()).Err(), session.ErrUnproven)
			w.WriteHeader(http.StatusTeapot)
		}))).ServeHTTP(w, r)
		wantStatus(t, w, http.StatusTeapot)
	}
}

// A rotation between the offer and the registration, as by a login in two steps, offers again.
func TestARotationBeforeTheRegistration(t *testing.T) {
	s := deviceSite(t)
	d := newDevice(s)
	d.logIn()
	challenge := challengeOf(d.use((*session.Session).Rotate))
	if challenge == "" {
		t.Fatal("no offer with the rotation")
	}
	wantStatus(t, d.register(challenge), http.StatusOK)
	if w := d.use((*session.Session).Rotate); challengeOf(w) != "" {
		t.Error("a bound session is offered to be bound")
	}
	visitor := s.browser(s.stored("a"))
	if w := visitor.use((*session.Session).Rotate); challengeOf(w) != "" {
		t.Error("a session without an owner is offered to be bound")
	}
}

// What a thief sends does not prolong the session: no page, no upgrade, and no refresh that is refused.
func TestARefusedRequestIsNoAccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := deviceSite(t)
		d := bound(t, s)
		s.store.Advance(time.Hour - 30*time.Second) // of the idle timeout
		thief := d.thief()
		s.store.taken()
		_, err := thief.owner()
		wantIs(t, "a page", err, session.ErrUnproven)
		wantStatus(t, thief.post("/refresh", map[string]string{"Sec-Secure-Session-Id": d.id}), http.StatusForbidden)
		wantStatus(t, thief.refresh(), http.StatusForbidden)
		wantStatus(t, thief.register("x"), http.StatusForbidden)
		wantStatus(t, thief.get("/device/refresh"), http.StatusForbidden)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		wantEvents(t, s.store, "load", "load", "load", "load", "load", "load")
		wantStatus(t, d.refresh(), http.StatusOK)
		s.store.Advance(30 * time.Minute)
		wantStatus(t, d.refresh(), http.StatusOK)
		s.ok(s.m.Shutdown(t.Context()))
	})
}

// get requests a page and returns the response.
func (d *device) get(path string) *httptest.ResponseRecorder {
	r := d.request()
	r.URL.Path = path
	w := httptest.NewRecorder()
	d.m.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	return w
}
