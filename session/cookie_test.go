package session_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
)

// cookieCases are configurations and the Set-Cookie line that they give, without name and value.
var cookieCases = []struct {
	name   string
	cookie session.Cookie
	want   string
}{
	{"zero", session.Cookie{}, "__Host-Http-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	{"name", session.Cookie{Name: "sid"}, "sid; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	{"plain HTTP", session.Cookie{InsecureHTTP: true}, "session; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"},
	{"path", session.Cookie{Path: "/app"}, "__Secure-session; Path=/app; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	{"domain", session.Cookie{Domain: "example.com"},
		"__Secure-session; Path=/; Domain=example.com; Max-Age=86400; HttpOnly; Secure; SameSite=Lax"},
	{"strict", session.Cookie{SameSite: http.SameSiteStrictMode},
		"__Host-Http-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=Strict"},
	{"embedded", session.Cookie{SameSite: http.SameSiteNoneMode, Partitioned: true},
		"__Host-Http-session; Path=/; Max-Age=86400; HttpOnly; Secure; SameSite=None; Partitioned"},
	{"browser", session.Cookie{NonPersistent: true}, "__Host-Http-session; Path=/; HttpOnly; Secure; SameSite=Lax"},
}

func TestCookieLine(t *testing.T) {
	for _, c := range cookieCases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, func(config *session.Config) { config.Cookie = c.cookie })
				b := s.browser()
				name, _, _ := strings.Cut(c.want, ";")
				set := b.set("k")
				if got := attributesOf(t, set, b.cookies[name]); !slices.Equal(got, strings.Split(c.want, "; ")) {
					t.Errorf("Set-Cookie %q,\nwant       %q", got, c.want)
				}
				if len(b.cookies[name]) != 64 {
					t.Errorf("a value of %d characters", len(b.cookies[name]))
				}
				end := b.use(func(of *session.Session) error { return of.Destroy(t.Context()) })
				isMaxAge := func(a string) bool { return strings.HasPrefix(a, "Max-Age") }
				want := slices.DeleteFunc(strings.Split(c.want, "; "), isMaxAge)
				got := attributesOf(t, end, "")
				if i := slices.Index(got, "Max-Age=0"); i < 0 {
					t.Errorf("the end has no Max-Age=0: %q", got)
				} else if got = slices.Delete(got, i, i+1); !slices.Equal(got, want) {
					t.Errorf("the end %q,\nwant    %q", got, want)
				}
			})
		})
	}
}

// attributesOf returns the parts of the one Set-Cookie line in the order of http.Cookie, the value taken out.
func attributesOf(t *testing.T, w *httptest.ResponseRecorder, value string) []string {
	t.Helper()
	lines := w.Result().Header["Set-Cookie"]
	if len(lines) != 1 {
		t.Fatalf("%d Set-Cookie lines, want 1", len(lines))
	}
	parts := strings.Split(strings.Replace(lines[0], "="+value, "", 1), "; ")
	rank := func(p string) int {
		name, _, _ := strings.Cut(p, "=")
		return slices.Index([]string{"Path", "Domain", "Max-Age", "HttpOnly", "Secure", "SameSite", "Partitioned"}, name)
	}
	slices.SortStableFunc(parts[1:], func(a, b string) int { return rank(a) - rank(b) })
	return parts
}

func maxAge(t *testing.T, w *httptest.ResponseRecorder) int {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		return c.MaxAge
	}
	t.Fatal("no cookie")
	return 0
}

func absolute(d time.Duration) func(*session.Session) error {
	return func(s *session.Session) error { return s.SetAbsoluteTimeout(d) }
}

// Max-Age is what is left of the absolute lifetime, whatever the idle timeout is.
func TestMaxAge(t *testing.T) {
	hour := int(time.Hour / time.Second)
	for name, c := range map[string]struct {
		after time.Duration
		do    func(*session.Session) error
		want  int
	}{
		"rotated after an hour":  {time.Hour, (*session.Session).Generate, 23 * hour},
		"renewed after an hour":  {time.Hour, (*session.Session).Renew, 24 * hour},
		"part of a second":       {time.Hour + 500*time.Millisecond, (*session.Session).Generate, 23 * hour},
		"remembered for a month": {0, absolute(30 * 24 * time.Hour), 720 * hour},
		"cut to 400 days":        {0, absolute(session.MaxTimeout), 9600 * hour},
		"browser, for once":      {0, func(s *session.Session) error { return s.SetPersistent(false) }, 0},
		"browser and rotated": {0, func(s *session.Session) error {
			return errors.Join(s.SetPersistent(false), s.Generate())
		}, 0},
		"browser taken back": {0, func(s *session.Session) error {
			return errors.Join(s.SetPersistent(false), s.SetPersistent(true))
		}, 24 * hour},
		"own timeout taken back": {0, func(s *session.Session) error {
			return errors.Join(s.SetAbsoluteTimeout(48*time.Hour), s.SetAbsoluteTimeout(0))
		}, 24 * hour},
	} {
		bubble(t, name, func(t *testing.T) {
			s := newSite(t, func(config *session.Config) { config.IdleTimeout = 3 * time.Hour })
			b := s.browser(s.stored("a"))
			time.Sleep(c.after)
			if got := maxAge(t, b.use(c.do)); got != c.want {
				t.Errorf("Max-Age %d, want %d", got, c.want)
			}
			wantKeys(t, b.keys(), "a")
		})
	}
}

// A cookie is sent when there is something to tell, and only then; with it, what keeps it out of caches.
func TestWhenCookiesAreSent(t *testing.T) {
	type sent struct{ cookie, vary bool }
	for _, c := range []struct {
		name   string
		cookie string // "", "live" or "unknown"
		do     func(*session.Session) error
		want   sent
	}{
		{"nothing", "", nil, sent{}},
		{"read", "", reading, sent{vary: true}},
		{"first set", "", setting, sent{true, true}},
		{"destroy of nothing", "", destroying, sent{vary: true}},
		{"made and destroyed", "", func(s *session.Session) error {
			return errors.Join(s.Generate(), s.Save(background), s.Destroy(background))
		}, sent{vary: true}},
		{"unknown, read", "unknown", reading, sent{vary: true}},
		{"unknown, destroyed", "unknown", destroying, sent{true, true}},
		{"live, nothing", "live", nil, sent{}},
		{"live, read", "live", reading, sent{vary: true}},
		{"live, set", "live", setting, sent{vary: true}},
		{"live, rotated", "live", generate, sent{true, true}},
		{"live, saved and rotated", "live", func(s *session.Session) error {
			return errors.Join(s.Generate(), s.Save(background))
		}, sent{true, true}},
		{"live, own timeout", "live", func(s *session.Session) error { return s.SetTimeout(time.Minute) }, sent{vary: true}},
		{"live, destroyed", "live", destroying, sent{true, true}},
		{"live, flash after the end", "live", func(s *session.Session) error {
			return errors.Join(s.Destroy(background), s.Generate(), s.Set("flash", 1))
		}, sent{true, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser()
			switch live := s.stored("name"); c.cookie {
			case "live":
				b = s.browser(live)
			case "unknown":
				b.cookies[hostCookie] = s.m.NewSession().ID().Reveal()
			}
			w := b.visit(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Cache-Control", "public")
				w.Header().Add("Vary", "Accept")
				if c.do == nil {
					return
				}
				if err := c.do(session.FromContext(r.Context())); err != nil {
					t.Errorf("handler: %v", err)
				}
			})
			header := w.Result().Header
			got := sent{len(header["Set-Cookie"]) == 1, slices.Contains(header["Vary"], "Cookie")}
			if got != c.want || len(header["Set-Cookie"]) > 1 {
				t.Errorf("%+v with %d lines, want %+v", got, len(header["Set-Cookie"]), c.want)
			}
			if private := header.Get("Cache-Control") == "no-store"; private != c.want.cookie {
				t.Errorf("Cache-Control %q", header["Cache-Control"])
			}
			if !slices.Contains(header["Vary"], "Accept") {
				t.Errorf("the handler's Vary is gone: %q", header["Vary"])
			}
		})
	}
}

func TestCookiesOfTheHandlerStay(t *testing.T) {
	w := newSite(t).browser().visit(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		_ = session.FromContext(r.Context()).Set("k", 1)
	})
	if lines := w.Result().Header["Set-Cookie"]; len(lines) != 2 || lines[0] != "theme=dark" {
		t.Errorf("%d Set-Cookie lines", len(lines))
	}
}

// A client of an API carries its token in a header both ways.
func TestHeaderTokens(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.Header = "X-Session" })
	call := func(token []string, fn func(*session.Session) error) http.Header {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if token != nil {
			r.Header["X-Session"] = token
		}
		w := httptest.NewRecorder()
		s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if err := fn(session.FromContext(r.Context())); err != nil {
				t.Errorf("handler: %v", err)
			}
		})).ServeHTTP(w, r)
		header := w.Result().Header
		if header.Get("Vary") != "X-Session" || len(header["Set-Cookie"]) > 0 {
			t.Errorf("Vary %q, %d cookies", header["Vary"], len(header["Set-Cookie"]))
		}
		return header
	}
	made := call(nil, setting)
	token := made["X-Session"]
	if len(token) != 1 || len(token[0]) != 64 || made.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d tokens, Cache-Control %q", len(token), made.Get("Cache-Control"))
	}
	again := call(token, func(of *session.Session) error { wantKeys(t, of.Keys(), "k"); return nil })
	if again["X-Session"] != nil {
		t.Error("a token is sent that the client has")
	}
	rotated := call(token, generate)["X-Session"]
	if len(rotated) != 1 || rotated[0] == token[0] {
		t.Error("no new token")
	}
	if end := call(rotated, destroying)["X-Session"]; !slices.Equal(end, []string{""}) {
		t.Error("the end is not told")
	}
	// A cookie opens nothing here.
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(&http.Cookie{Name: hostCookie, Value: rotated[0]})
	s.store.taken()
	s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(httptest.NewRecorder(), r)
	wantEvents(t, s.store)
}

func TestTwoHeaderTokens(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.Header = "X-Session" })
	live := s.stored("a").ID().Reveal()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["X-Session"] = []string{live, live}
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(w, r)
	wantStatus(t, w, http.StatusBadRequest)
	wantEvents(t, s.store)
}

// cookieHeaders are Cookie header lines, %s for a live token, and what becomes of them.
var cookieHeaders = []struct {
	name   string
	lines  []string
	status int
	live   bool
}{
	{"alone", []string{"__Host-Http-session=%s"}, 200, true},
	{"among others", []string{"a=1; __Host-Http-session=%s; b=2"}, 200, true},
	{"without spaces", []string{"a=1;__Host-Http-session=%s;b=2"}, 200, true},
	{"in the second line", []string{"a=1", "__Host-Http-session=%s"}, 200, true},
	{"other case", []string{"__host-session=%s"}, 200, false},
	{"longer name", []string{"x__Host-Http-session=%s"}, 200, false},
	{"name with more", []string{"__Host-Http-session2=%s"}, 200, false},
	{"no name", []string{"%s"}, 200, false},
	{"value of another", []string{"a=__Host-Http-session=%s"}, 200, false},
	{"twice in a line", []string{"__Host-Http-session=%s; __Host-Http-session=%s"}, 200, true},
	{"twice in two lines", []string{"__Host-Http-session=%s", "__Host-Http-session=%s"}, 200, true},
	{"after one that is no token", []string{"__Host-Http-session=planted; __Host-Http-session=%s"}, 200, true},
	{"before one that is no token", []string{"__Host-Http-session=%s; __Host-Http-session=planted"}, 200, true},
	{"with an empty one", []string{"__Host-Http-session=%s; __Host-Http-session="}, 200, true},
}

func TestCookieHeaders(t *testing.T) {
	for _, c := range cookieHeaders {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			token := s.stored("a").ID().Reveal()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			for _, line := range c.lines {
				r.Header.Add("Cookie", strings.ReplaceAll(line, "%s", token))
			}
			w := httptest.NewRecorder()
			live := false
			s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				live = session.FromContext(r.Context()).Has("a")
			})).ServeHTTP(w, r)
			if w.Code != c.status || live != c.live {
				t.Errorf("status %d, live %v; want %d, %v", w.Code, live, c.status, c.live)
			}
			wantNoCookie(t, w)
			wantSecret(t, "the answer", fmt.Sprint(w.Body, w.Header()), token)
			wantSecret(t, "the log", s.log.String(), token)
		})
	}
}

// A logout ends the cookie of the session, beside those that open nothing.
func TestLogoutWithTwoCookies(t *testing.T) {
	s := newSite(t)
	gone := s.stored("a")
	r := httptest.NewRequest(http.MethodPost, "https://app.example.com/logout", nil)
	for _, of := range []*session.Session{gone, s.stored("a")} {
		r.AddCookie(&http.Cookie{Name: hostCookie, Value: of.ID().Reveal()})
	}
	s.ok(gone.Destroy(t.Context()))
	w := httptest.NewRecorder()
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Destroy(r.Context()))
	})).ServeHTTP(w, r)
	want := hostCookie + "=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax"
	if lines := w.Header()["Set-Cookie"]; !slices.Contains(lines, want) || !slices.Contains(lines, want+"; Partitioned") {
		t.Errorf("%q", lines)
	}
}

// Of several cookies none is ended or sent again before a statement has confirmed the one that opens the session: a parallel
// request may have rotated it.
func TestTwoCookiesAndAFailure(t *testing.T) {
	for name, handler := range map[string]func(s *site, of *session.Session){
		"the commit": func(s *site, of *session.Session) {
			s.ok(of.Set("k", 1))
			s.store.failBefore(errDown, "save")
		},
		"the confirmation": func(s *site, _ *session.Session) { s.store.failBefore(errDown, "touch") },
		"the handler":      func(*site, *session.Session) { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			gone, live := s.stored("a"), s.stored("a")
			r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
			for _, of := range []*session.Session{gone, live} {
				r.AddCookie(&http.Cookie{Name: hostCookie, Value: of.ID().Reveal()})
			}
			s.ok(gone.Destroy(t.Context()))
			w := httptest.NewRecorder()
			recovering(s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				handler(s, session.FromContext(r.Context()))
			}))).ServeHTTP(w, r)
			wantNoCookie(t, w)
		})
	}
}

// What another host of the domain has planted is ended at whatever path the request finds it, Partitioned or not,
// within a header that proxies take.
func TestPlantedCookiesEnd(t *testing.T) {
	serve := func(config session.Cookie, url string) []string {
		s := newSite(t, func(c *session.Config) { c.Cookie = config })
		r := httptest.NewRequest(http.MethodGet, url, nil)
		for range 2 {
			r.AddCookie(&http.Cookie{Name: config.Name, Value: s.stored("a").ID().Reveal()})
		}
		w := httptest.NewRecorder()
		s.m.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
		return w.Header()["Set-Cookie"]
	}
	const url = "https://app.example.com/account/a%3Bb"
	lines := serve(session.Cookie{Name: "__Secure-s"}, url)
	for _, scope := range []string{"Path=/; ", "Path=/account; ", "Path=/account/; ", "Path=/account/a%3Bb; "} {
		for _, domain := range []string{"", "Domain=example.com; "} {
			if scope+domain == "Path=/; " {
				continue // the configured one
			}
			want := "__Secure-s=; Max-Age=0; " + scope + domain + "HttpOnly; Secure; SameSite=Lax"
			if !slices.Contains(lines, want) || !slices.Contains(lines, want+"; Partitioned") {
				t.Errorf("%q is not ended: %q", want, lines)
			}
		}
	}
	for _, long := range []string{"https://a.b.c.example.com/a/b/c/d/e/f/g", "https://app.example.com/" + strings.Repeat("x", 4000) + "/y"} {
		lines := serve(session.Cookie{Name: "__Secure-s"}, long)
		if n, size := len(lines), len(strings.Join(lines, "")); n > 41 || size > 3500 || !strings.Contains(strings.Join(lines, "\n"), "Path=/; Domain=example.com") {
			t.Errorf("%.60s: %d lines, %d bytes", long, n, size)
		}
	}
	if lines := serve(session.Cookie{Name: "s", InsecureHTTP: true}, "http://app.example.com/account"); strings.Contains(strings.Join(lines, ""), "Partitioned") {
		t.Errorf("Partitioned without Secure: %q", lines)
	}
	if lines := serve(session.Cookie{Name: hostCookie}, url); len(lines) > 2 {
		t.Errorf("of a cookie that no other host can set: %q", lines)
	}
}

// A connection may keep its cookie although those of its manager end with the browser.
func TestOneCookieThatStays(t *testing.T) {
	bubble(t, "kept", func(t *testing.T) {
		s := newSite(t, func(c *session.Config) { c.Cookie.NonPersistent = true })
		b := s.browser(s.stored("a"))
		got := maxAge(t, b.use(func(s *session.Session) error { return s.SetPersistent(true) }))
		if want := int(24 * time.Hour / time.Second); got != want {
			t.Errorf("Max-Age %d, want %d", got, want)
		}
	})
}
