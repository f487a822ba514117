package proxy

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/simples-go/sessions/testing/sessiontest"
)

const name = "__Host-Http-session"

// The service behind learns the user and other cookies, not the token, and cannot set the session's cookie.
func TestProxy(t *testing.T) {
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
		http.SetCookie(w, &http.Cookie{Name: name, Value: "fixed"})
		fmt.Fprintf(w, "user %q, cookies %q", r.Header.Get("X-User"), r.Header.Get("Cookie"))
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	visit := func(c *sessiontest.Client) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "https://app.example.com/", nil)
		r.AddCookie(&http.Cookie{Name: "lang", Value: "en"})
		r.Header.Set("X-User", "root")
		return c.Serve(New(target, name), r)
	}
	if got, want := visit(sessiontest.New(t, nil)).Body.String(), `user "", cookies "lang=en"`; got != want {
		t.Errorf("of a stranger the service got %s, want %s", got, want)
	}
	w := visit(sessiontest.New(t, map[string]any{}).LogIn("ann"))
	if got, want := w.Body.String(), `user "ann", cookies "lang=en"`; got != want {
		t.Errorf("the service got %s, want %s", got, want)
	}
	set := strings.Join(w.Header()["Set-Cookie"], "; ")
	if !strings.Contains(set, "theme=dark") || strings.Contains(set, "fixed") {
		t.Errorf("the browser got %s", set)
	}
}
