package browser

import (
	"database/sql"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// rounds is how often a race is run.
const rounds = 100

func TestUntouchedVisitLeavesNothing(t *testing.T) {
	n := start(t, sqliteURL(t))
	c := newClient(t, n)
	for _, path := range []string{"/", "/main.js", "/api/session", "/api/user"} {
		if a := c.must(http.StatusOK, http.MethodGet, path, ""); len(a.header["Set-Cookie"]) > 0 {
			t.Errorf("GET %s sets a cookie: %q", path, a.header["Set-Cookie"])
		}
	}
	if s := c.session(nil); !s.New || s.Changed || s.Expiration != nil || s.TimeoutSeconds != 3600 || len(s.Data) > 0 {
		t.Errorf("the session of an untouched visit: %+v", s)
	}
	if rows := count(t, n, "select count(*) from sessions"); rows != 0 {
		t.Errorf("%d rows", rows)
	}
}

func TestSessionSurvivesAKill(t *testing.T) {
	n := start(t, sqliteURL(t))
	c := newClient(t, n)
	c.must(http.StatusNoContent, http.MethodPut, "/api/session/data/colour", `{"name":"teal","n":9007199254740993}`)
	n.kill()
	n.start()
	s := c.session(c.cookies())
	if got := string(s.Data["colour"]); got != `{"n":9007199254740993,"name":"teal"}` || s.New {
		t.Errorf("after the kill: %+v", s)
	}
	c.must(http.StatusNoContent, http.MethodDelete, "/api/session/data/colour", "")
	n.kill()
	n.start()
	if s := c.session(c.cookies()); len(s.Data) > 0 || s.New {
		t.Errorf("a deleted entry is back: %+v", s)
	}
}

func TestParallelIncrementsAllCount(t *testing.T) {
	const callers = 64
	n := start(t, sqliteURL(t))
	c := newClient(t, n)
	c.must(http.StatusNoContent, http.MethodPut, "/api/session/data/n", "0")
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			if a := c.do(http.MethodPost, "/api/session/increment/n", ""); a.status != http.StatusOK {
				t.Errorf("increment: %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if got := string(c.session(c.cookies()).Data["n"]); got != fmt.Sprint(callers) {
		t.Errorf("%d increments give %s", callers, got)
	}
}

// TestDestroyedIsFinal: whatever the saves that are under way do, the destroyed session's row stays away, and its cookie
// opens nothing.
func TestDestroyedIsFinal(t *testing.T) {
	n := start(t, sqliteURL(t))
	for round := range rounds {
		destroyBesideSaves(t, n, round)
		if t.Failed() {
			return
		}
	}
}

func destroyBesideSaves(t *testing.T, n *node, round int) {
	t.Helper()
	c := newClient(t, n)
	c.must(http.StatusNoContent, http.MethodPut, "/api/session/data/secret", `"kept"`)
	old := c.cookies()
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			a := c.doWith(old, http.MethodPut, fmt.Sprintf("/api/session/data/k%d", i), "1")
			if a.status != http.StatusNoContent && a.status != http.StatusConflict {
				t.Errorf("round %d: a save beside the destroy: %d %s", round, a.status, a.body)
			}
			if len(a.cookie) > 0 && a.cookie[0].Value == old[0].Value {
				t.Errorf("round %d: the destroyed session's cookie was set again", round)
			}
		})
	}
	all.Go(func() {
		if a := c.doWith(old, http.MethodPost, "/api/session/destroy", ""); a.status != http.StatusNoContent {
			t.Errorf("round %d: destroy: %d %s", round, a.status, a.body)
		}
	})
	all.Wait()
	if s := c.session(old); !s.New || len(s.Data) > 0 {
		t.Errorf("round %d: the destroyed session is back: %+v", round, s)
	}
	if rows := count(t, n, "select count(*) from sessions where id = ?", rowKey(t, old)); rows != 0 {
		t.Errorf("round %d: the destroyed session's row is back", round)
	}
}

// TestRotationLeavesTheNewCookie: requests that come with the old cookie while somebody signs in do not take the new cookie
// away from the browser.
func TestRotationLeavesTheNewCookie(t *testing.T) {
	n := start(t, sqliteURL(t))
	c := newClient(t, n)
	c.must(http.StatusNoContent, http.MethodPut, "/api/session/data/basket", `["apple"]`)
	for round := range rounds {
		signInBesideRequests(t, c, round)
		if t.Failed() {
			return
		}
	}
}

func signInBesideRequests(t *testing.T, c *client, round int) {
	t.Helper()
	old := c.cookies()
	name := fmt.Sprintf("user %d", round)
	var all sync.WaitGroup
	all.Go(func() {
		if a := c.doWith(old, http.MethodPut, "/api/user", fmt.Sprintf(`{"name":%q}`, name)); a.status != http.StatusNoContent {
			t.Errorf("round %d: sign in: %d %s", round, a.status, a.body)
		}
	})
	for i := range 8 {
		all.Go(func() {
			method, path := http.MethodGet, "/api/session"
			if i%2 == 0 {
				method, path = http.MethodPut, fmt.Sprintf("/api/session/data/k%d", i)
			}
			a := c.doWith(old, method, path, "1")
			if a.status >= 400 && a.status != http.StatusConflict {
				t.Errorf("round %d: a request with the old cookie: %d %s", round, a.status, a.body)
			}
			if len(a.cookie) > 0 {
				t.Errorf("round %d: a request with the old cookie was sent another", round)
			}
		})
	}
	all.Wait()
	c.checkSignedIn(old, name, round)
}

// checkSignedIn looks at the session that the browser is left with.
func (c *client) checkSignedIn(old []*http.Cookie, name string, round int) {
	c.t.Helper()
	now := c.cookies()
	if len(now) != 1 || now[0].Value == old[0].Value {
		c.t.Fatalf("round %d: the browser has %d cookies, or the old one", round, len(now))
	}
	if s := c.session(now); s.New || string(s.Data["basket"]) != `["apple"]` {
		c.t.Errorf("round %d: the browser's session after signing in: %+v", round, s)
	}
	var user struct{ Name string }
	unmarshal(c.t, c.must(http.StatusOK, http.MethodGet, "/api/user", "").body, &user)
	if user.Name != name {
		c.t.Errorf("round %d: signed in as %q, want %q", round, user.Name, name)
	}
	if a := c.doWith(old, http.MethodGet, "/api/session", ""); a.status != http.StatusConflict {
		c.t.Errorf("round %d: the old cookie after signing in: %d %s", round, a.status, a.body)
	}
}

// count asks the node's database.
func count(t *testing.T, n *node, query string, args ...any) int {
	t.Helper()
	db, err := sqlite.OpenDB(t.Context(), n.database)
	if err != nil {
		t.Fatal(err)
	}
	defer func(db *sql.DB) {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}(db)
	var number int
	if err := db.QueryRowContext(t.Context(), query, args...).Scan(&number); err != nil {
		t.Fatal(err)
	}
	return number
}
