package order

import (
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

func newSessions(t *testing.T) *session.Manager {
	t.Helper()
	sessions, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return sessions
}

// app counts, fails in the way that it is asked for, and takes as long.
func app(w http.ResponseWriter, r *http.Request) {
	s := session.FromContext(r.Context())
	n, err := session.Get[int](s, "n")
	if err == nil && r.Method != http.MethodHead {
		err = s.Set("n", n+1)
	}
	switch {
	case err != nil:
		http.Error(w, err.Error(), session.StatusCode(err))
	case r.URL.Path == "/panic":
		panic("on purpose")
	case r.URL.Path == "/slow":
		<-r.Context().Done()
		time.Sleep(time.Second) // so that it returns after the answer of http.TimeoutHandler
	}
	fmt.Fprint(w, n+1)
}

// client keeps cookies and asks a handler.
type client struct {
	jar http.CookieJar
	h   http.Handler
}

func newClient(h http.Handler) *client {
	jar, _ := cookiejar.New(nil)
	return &client{jar, h}
}

func (c *client) do(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example.com"+path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	for _, cookie := range c.jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	c.h.ServeHTTP(w, r)
	c.jar.SetCookies(r.URL, w.Result().Cookies())
	return w
}

// Each of the ways in which a request ends leaves the session as it should.
func TestChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(Chain(newSessions(t), http.HandlerFunc(app)))
		for _, step := range []struct {
			method, path string
			header       []string
			status       int
			counts       int
		}{
			{"GET", "/", nil, 200, 1},
			{"GET", "/", []string{"Accept-Encoding", "gzip"}, 200, 1},
			{"GET", "/panic", nil, 500, 0},
			{"GET", "/slow", nil, 503, 0},
			{"POST", "/", []string{"Sec-Fetch-Site", "cross-site"}, 403, 0},
			{"POST", "/", []string{"Sec-Fetch-Site", "same-origin"}, 200, 1},
		} {
			before := c.count(t)
			w := c.do(step.method, step.path, step.header...)
			time.Sleep(2 * time.Second) // until the slow handler has returned
			if got := c.count(t) - before; w.Code != step.status || got != step.counts {
				t.Errorf("%s %s: status %d, counted %d", step.method, step.path, w.Code, got)
			}
		}
	})
}

// count asks how far it has counted.
func (c *client) count(t *testing.T) (n int) {
	t.Helper()
	w := c.do(http.MethodHead, "/")
	if _, err := fmt.Sscan(w.Body.String(), &n); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return n - 1
}

// A TimeoutHandler around the sessions throws their answer away, and with it the token of a login that is saved.
func TestTimeoutOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sessions := newSessions(t)
		login := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_ = session.FromContext(r.Context()).Login("ann")
			fmt.Fprint(w, "welcome")
			<-r.Context().Done()
		})
		c := newClient(sessions.Handler(http.HandlerFunc(app)))
		c.do("GET", "/")
		c.h = http.TimeoutHandler(sessions.Handler(login), time.Second, "too slow")
		w := c.do("POST", "/")
		synctest.Wait()
		if w.Code != http.StatusServiceUnavailable || len(w.Result().Cookies()) != 0 {
			t.Errorf("%d %s %v", w.Code, w.Body, w.Result().Cookies())
		}
		c.h = sessions.Handler(http.HandlerFunc(app))
		if w := c.do("GET", "/"); w.Code != http.StatusConflict {
			t.Errorf("the token from before: %d", w.Code)
		}
	})
}
