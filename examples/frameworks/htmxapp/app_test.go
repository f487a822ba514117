package htmxapp

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/simples-go/sessions/examples/frameworks/suite"
)

// post sends a form as htmx does.
func post(c *suite.Client, path, form string) *http.Response {
	r := c.Request("POST", path, form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("HX-Request", "true")
	response, err := c.Client.Do(r)
	if err != nil {
		panic(err)
	}
	_ = response.Body.Close()
	return response
}

func TestHTMX(t *testing.T) {
	c := suite.New(t, New)
	if page := c.Want("GET", "/", 200); !strings.Contains(page, "/login") {
		t.Errorf("the page has no login: %s", page)
	}
	if post(c, "/login", "user=ada").Header.Get("HX-Refresh") == "" {
		t.Error("the page goes on without the login")
	}
	if page := c.Want("GET", "/", 200); !strings.Contains(page, "/events") {
		t.Errorf("the page has no stream: %s", page)
	}
	if shown := c.Want("GET", "/account", 200); !strings.Contains(shown, "Welcome, ada") || strings.Count(shown, "hx-delete") != 1 {
		t.Errorf("the account shows %s", shown)
	}
	if shown := c.Want("GET", "/account", 200); strings.Contains(shown, "Welcome") {
		t.Errorf("the message is shown again: %s", shown)
	}
}

// A session ends by a button on the other's page, and by its own logout.
func TestEnds(t *testing.T) {
	here := suite.New(t, New)
	there := here.Another()
	post(there, "/login", "user=ada")
	list, err := here.Manager.Sessions(t.Context(), "ada")
	if err != nil || len(list) != 1 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	button := "/sessions/" + list[0].Handle.String()
	post(here, "/login", "user=ada")
	if shown := here.Want("GET", "/account", 200); strings.Count(shown, "hx-delete") != 2 || !strings.Contains(shown, button) {
		t.Errorf("the account shows %s", shown)
	}
	here.Want("DELETE", button, 200)
	here.Want("DELETE", button, 404)
	if page := there.Want("GET", "/", 200); !strings.Contains(page, "/login") {
		t.Errorf("still logged in there: %s", page)
	}
	if post(here, "/logout", "").Header.Get("HX-Refresh") == "" {
		t.Error("the page goes on after the logout")
	}
	if page := here.Want("GET", "/", 200); !strings.Contains(page, "/login") {
		t.Errorf("still logged in: %s", page)
	}
}

// The stream tells of a change, and of the session's end.
func TestEvents(t *testing.T) {
	c := suite.New(t, New)
	post(c, "/login", "user=ada")
	response, err := c.Get(c.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	want := func(event string) {
		t.Helper()
		for lines.Scan() {
			if got, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				if got != event {
					t.Errorf("event %q, want %q", got, event)
				}
				return
			}
		}
		t.Errorf("the stream ends before %q: %v", event, lines.Err())
	}
	want("open")
	post(c, "/note", "note=milk")
	want("changed")
	if shown := c.Want("GET", "/account", 200); !strings.Contains(shown, "<q>milk</q>") {
		t.Errorf("the account shows %s", shown)
	}
	want("changed") // the message is gone
	post(c, "/logout", "")
	want("ended")
}

// A request that comes with the cookie from before a login changes nothing, and has the page loaded again.
func TestConflict(t *testing.T) {
	c := suite.New(t, New)
	post(c, "/login", "user=ada")
	r := c.Request("POST", "/note", "note=late")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, cookie := range c.Jar.Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	post(c, "/login", "user=ada")
	late, err := (&http.Client{}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Body.Close()
	if late.StatusCode != http.StatusConflict || late.Header.Get("HX-Refresh") == "" {
		t.Errorf("status %d, HX-Refresh %q", late.StatusCode, late.Header.Get("HX-Refresh"))
	}
	if shown := c.Want("GET", "/account", 200); strings.Contains(shown, "late") {
		t.Errorf("the account shows %s", shown)
	}
}
