package htmx

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// What htmx and a browser are told, by the token that they carry.
func TestHTMX(t *testing.T) {
	sessions, err := session.New(memstore.New(), session.Config{ErrorHandler: OnError})
	if err != nil {
		t.Fatal(err)
	}
	page := RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/rotate" {
			_ = session.FromContext(r.Context()).Rotate()
		}
		fmt.Fprint(w, "page")
	}))
	login := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = session.FromContext(r.Context()).Login("ann")
	})
	ask := func(h http.Handler, method, path string, htmx bool, cookies []*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "https://app.example.com"+path, nil)
		if htmx {
			r.Header.Set("HX-Request", "true")
		}
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		sessions.Handler(h).ServeHTTP(w, r)
		return w
	}
	old := ask(login, "POST", "/login", false, nil).Result().Cookies()
	fresh := ask(page, "POST", "/rotate", true, old).Result().Cookies()
	for _, c := range []struct {
		htmx              bool
		cookies           []*http.Cookie
		status            int
		refresh, redirect string
	}{
		{true, fresh, 200, "", ""},
		{true, old, 409, "true", ""},
		{false, old, 409, "", ""},
		{true, nil, 401, "", "/login"},
		{false, nil, 303, "", ""},
	} {
		w := ask(page, "GET", "/", c.htmx, c.cookies)
		if h := w.Header(); w.Code != c.status || h.Get("HX-Refresh") != c.refresh || h.Get("HX-Redirect") != c.redirect {
			t.Errorf("htmx %v, %v: %d %v", c.htmx, c.cookies, w.Code, h)
		}
	}
}
