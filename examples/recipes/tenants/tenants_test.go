package tenants

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// A token opens nothing at another tenant, and a user's sessions are those at the user's own.
func TestTenants(t *testing.T) {
	base, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]string{"red.example.com": "red", "blue.example.com": "blue"}
	tenants := New(base, func(host string) (string, bool) { tenant, ok := known[host]; return tenant, ok })
	h := tenants.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		if r.URL.Path == "/login" {
			_ = s.Login("ann")
		}
		fmt.Fprint(w, s.Owner())
	}))
	ask := func(host, path string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "https://"+host+path, nil)
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	red := ask("red.example.com:443", "/login").Result().Cookies()
	blue := ask("blue.example.com", "/login").Result().Cookies()
	for _, c := range []struct {
		host    string
		cookies []*http.Cookie
		want    string
	}{
		{"red.example.com", red, "ann"},
		{"blue.example.com", blue, "ann"},
		{"red.example.com", blue, ""},
		{"blue.example.com", red, ""},
	} {
		if got := ask(c.host, "/", c.cookies...).Body.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.host, got, c.want)
		}
	}
	m, err := tenants.Manager("red")
	if err != nil {
		t.Fatal(err)
	}
	if ended, err := m.RevokeOwner(t.Context(), "ann", session.Handle{}); ended != 1 || err != nil {
		t.Errorf("%d ended, %v", ended, err)
	}
	if got := ask("blue.example.com", "/", blue...).Body.String(); got != "ann" {
		t.Errorf("the other tenant's ann: %q", got)
	}
	if got := ask("green.example.com", "/").Code; got != http.StatusNotFound {
		t.Errorf("an unknown host: %d", got)
	}
}
