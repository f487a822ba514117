package bearer

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

const header = "X-Session"

// A client keeps one session as long as it sends its token as a bearer, and in no other way.
func TestBearer(t *testing.T) {
	sessions, err := session.New(memstore.New(), session.Config{Header: header})
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(header, sessions.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		n, err := session.ModifyKey(r.Context(), s, "n", func(n int) (int, error) { return n + 1, nil })
		if r.Method == http.MethodPost {
			err = s.Rotate()
		}
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, n)
	})))
	ask := func(method, authorization, direct string) (body, token string) {
		r := httptest.NewRequest(method, "https://api.example.com/", nil)
		r.Header.Set("Authorization", authorization)
		r.Header.Set(header, direct)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := r.Header.Get(header); got != direct {
			t.Errorf("the request is changed for those outside: %q", got)
		}
		return w.Body.String(), w.Header().Get(header)
	}
	_, token := ask("GET", "Basic dTpw", "")
	if token == "" {
		t.Fatal("no token")
	}
	for _, step := range []struct{ authorization, direct, want string }{
		{"Bearer " + token, "", "2"},
		{"bearer  " + token, "", "3"},
		{"Bearer " + token, "another", "4"},
		{"Basic " + token, "", "1"},
		{"", token, "1"},
		{"Bearer", "", "1"},
		{"Bearer forged", "", "1"},
	} {
		if got, fresh := ask("GET", step.authorization, step.direct); got != step.want || (fresh != "") != (got == "1") {
			t.Errorf("%+v: %s, token %q", step, got, fresh)
		}
	}
	if _, next := ask("POST", "Bearer "+token, ""); next == "" || next == token {
		t.Errorf("after a rotation the token is %q", next)
	} else if got, _ := ask("GET", "Bearer "+next, ""); got != "6" {
		t.Errorf("the new token finds %s", got)
	}
}
