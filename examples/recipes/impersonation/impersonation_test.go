package impersonation

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/sessiontest"
)

// Support acts as a user until it ends or half an hour has gone, under a new token each time; nobody else does.
func TestImpersonation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := sessiontest.New(t, map[string]any{}).LogIn("support")
		begin := Begin(func(actor, _ string) bool { return actor == "support" })
		do := func(h http.HandlerFunc, status int) {
			t.Helper()
			w := c.Serve(h, httptest.NewRequest(http.MethodPost, "/?user=ann", nil))
			if rotated := len(w.Result().Cookies()) == 1; w.Code != status || rotated != (status == http.StatusOK) {
				t.Errorf("status %d, rotated: %v", w.Code, rotated)
			}
		}
		want := func(wantUser, wantActor string) {
			t.Helper()
			c.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				user, actor, err := User(session.FromContext(r.Context()))
				if user != wantUser || actor != wantActor || err != nil {
					t.Errorf("user %q, actor %q, %v", user, actor, err)
				}
			}), httptest.NewRequest(http.MethodGet, "/", nil))
		}
		do(begin, http.StatusOK)
		want("ann", "support")
		do(End, http.StatusOK)
		want("support", "support")
		do(begin, http.StatusOK)
		time.Sleep(29 * time.Minute)
		want("ann", "support")
		time.Sleep(2 * time.Minute)
		want("support", "support")
		c.LogIn("bob")
		want("bob", "bob")
		do(begin, http.StatusForbidden)
	})
}
