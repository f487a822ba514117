package accounts

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// browser keeps cookies and asks a handler.
type browser struct {
	t   *testing.T
	jar http.CookieJar
	h   http.Handler
}

func (b *browser) do(method, path string) (status int, body string) {
	r := httptest.NewRequest(method, "https://app.example.com"+path, nil)
	for _, cookie := range b.jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	b.h.ServeHTTP(w, r)
	b.jar.SetCookies(r.URL, w.Result().Cookies())
	return w.Code, w.Body.String()
}

// post sends a form, and wants a status.
func (b *browser) post(path string, status int) {
	b.t.Helper()
	if got, body := b.do("POST", path); got != status {
		b.t.Errorf("%s: %d %s, want %d", path, got, body, status)
	}
}

// want checks who is logged in, and what is noted.
func (b *browser) want(want string) {
	b.t.Helper()
	if _, got := b.do("GET", "/"); got != want {
		b.t.Errorf("%q, want %q", got, want)
	}
}

// cookies returns the browser's, by name.
func (b *browser) cookies() map[string]string {
	all := map[string]string{}
	for _, cookie := range b.jar.Cookies(&url.URL{Scheme: "https", Host: "app.example.com", Path: "/"}) {
		all[cookie.Name] = cookie.Value
	}
	return all
}

func open(t *testing.T) (*browser, *Accounts) {
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a := &Accounts{sessions, func(r *http.Request) (string, bool) { return r.FormValue("user"), r.FormValue("user") != "" }}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", a.Add)
	mux.HandleFunc("POST /switch", a.Switch)
	mux.HandleFunc("POST /logout", a.Logout)
	mux.Handle("/", sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		if note := r.FormValue("note"); note != "" {
			_ = s.Set("note", note)
		}
		note, _ := session.Get[string](s, "note")
		fmt.Fprint(w, s.Owner(), note)
	})))
	jar, _ := cookiejar.New(nil)
	return &browser{t, jar, mux}, a
}

// other returns the handle of the one account that is parked, and checks whose it is.
func (b *browser) other(a *Accounts, owner string) string {
	b.t.Helper()
	r := httptest.NewRequest("GET", "https://app.example.com/", nil)
	for name, value := range b.cookies() {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	list, err := a.List(r)
	if err != nil || len(list) != 1 || slices.Collect(maps.Values(list))[0] != owner {
		b.t.Fatalf("parked are %v, %v, want %s", list, err, owner)
	}
	return slices.Collect(maps.Keys(list))[0]
}

const inUse = "__Host-Http-session"

// Each account has its own session, which a switch goes on with as it was, under a new token.
func TestSwitch(t *testing.T) {
	b, a := open(t)
	b.post("/add?user=", 403)
	b.post("/add?user=ann", 303)
	b.post("/?note=+draft", 200)
	b.want("ann draft")
	b.post("/add?user=bob", 303)
	b.want("bob")
	ann := b.other(a, "ann")
	before := b.cookies()[prefix+ann]
	b.post("/switch?account="+ann, 303)
	b.want("ann draft")
	b.other(a, "bob")
	if after := b.cookies()[inUse]; after == before || b.cookies()[prefix+ann] != "" {
		t.Error("the token is the one that was parked")
	}
	b.post("/logout", 303)
	b.want("")
	if left := b.cookies(); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
	for _, user := range []string{"ann", "bob"} {
		if list, err := a.Sessions.Sessions(t.Context(), user); err != nil || len(list) != 0 {
			t.Errorf("%d sessions of %s, %v", len(list), user, err)
		}
	}
}

// What opens no session changes nothing.
func TestNoSwitch(t *testing.T) {
	b, a := open(t)
	b.post("/add?user=ann", 303)
	b.post("/add?user=bob", 303)
	ann := b.other(a, "ann")
	b.post("/switch?account=nobody", 404)
	if _, err := a.Sessions.RevokeOwner(t.Context(), "ann", session.Handle{}); err != nil {
		t.Fatal(err)
	}
	b.post("/switch?account="+ann, 409)
	b.want("bob")
	b.jar.SetCookies(&url.URL{Scheme: "https", Host: "app.example.com"}, []*http.Cookie{{
		Name: prefix + ann, Value: "forged", Path: "/", Secure: true,
	}})
	b.post("/switch?account="+ann, 409)
	b.want("bob")
	for range most - 1 {
		b.post("/add?user=cyd", 303)
	}
	b.post("/add?user=cyd", 429)
}

// A parked account ends when its session does, which nobody keeps alive.
func TestParkedExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, a := open(t)
		b.post("/add?user=ann", 303)
		b.post("/add?user=bob", 303)
		ann := b.other(a, "ann")
		for range 3 {
			time.Sleep(25 * time.Minute)
			b.want("bob")
		}
		if b.cookies()[prefix+ann] != "" {
			t.Error("the cookie outlives its session")
		}
		b.post("/switch?account="+ann, 404)
	})
}
