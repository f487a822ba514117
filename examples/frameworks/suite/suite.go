package suite

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// Log collects what the middleware logs.
type Log struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String returns what was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Client is a browser at a program of this module.
type Client struct {
	*http.Client
	t       *testing.T
	URL     string
	Log     *Log
	Manager *session.Manager
}

// New serves a program and returns a client of it.
func New(t *testing.T, app func(*session.Manager) http.Handler) *Client {
	t.Helper()
	log := &Log{}
	m, err := session.New(memstore.New(), session.Config{
		Cookie: session.Cookie{InsecureHTTP: true}, Logger: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app(m))
	t.Cleanup(server.Close)
	t.Cleanup(func() { _ = m.Shutdown(t.Context()) })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	return &Client{client, t, server.URL, log, m}
}

// Do sends a request and returns the response's status and body.
func (c *Client) Do(method, path string) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+path, strings.NewReader(`{"user":"ada"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := c.Client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// Want sends a request and checks the status.
func (c *Client) Want(method, path string, status int) string {
	c.t.Helper()
	got, body := c.Do(method, path)
	if got != status {
		c.t.Errorf("%s %s: status %d, want %d; body %q", method, path, got, status, body)
	}
	return body
}

// account returns what the account page shows.
func (c *Client) account() (shown struct {
	User, Flash string
	Sessions    int
}) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.Want("GET", "/account", 200)), &shown); err != nil {
		c.t.Fatal(err)
	}
	return shown
}

// Run drives a program.
func Run(t *testing.T, app func(*session.Manager) http.Handler) {
	t.Run("login, flash, account, logout", func(t *testing.T) {
		c := New(t, app)
		c.Want("POST", "/login", 200)
		if shown := c.account(); shown.User != "ada" || shown.Flash != "Welcome, ada" || shown.Sessions != 1 {
			t.Errorf("the account shows %+v", shown)
		}
		if shown := c.account(); shown.Flash != "" {
			t.Errorf("the message is shown again: %q", shown.Flash)
		}
		c.Want("POST", "/logout", 204)
		if shown := c.account(); shown.User != "" {
			t.Errorf("%s is still logged in", shown.User)
		}
	})
	t.Run("a redirect takes the cookie along", func(t *testing.T) {
		c := New(t, app)
		c.Want("POST", "/login-and-redirect", 303)
		if shown := c.account(); shown.User != "ada" {
			t.Errorf("%q is logged in", shown.User)
		}
	})
	t.Run("a failed commit is no 200", func(t *testing.T) {
		c := New(t, app)
		if body := c.Want("POST", "/fill", 413); strings.Contains(body, "filled") {
			t.Errorf("the handler's body: %q", body)
		}
		if log := c.Log.String(); strings.Contains(log, "panic") {
			t.Errorf("the framework panics: %s", log)
		}
	})
	t.Run("the application's own 422 stands", func(t *testing.T) { New(t, app).Want("POST", "/refuse", 422) })
	t.Run("a panic saves nothing", func(t *testing.T) {
		c := New(t, app)
		c.Want("POST", "/login", 200)
		c.Want("POST", "/break", 500)
		list, err := c.Manager.Sessions(t.Context(), "ada", "broken")
		if err != nil || len(list) != 1 || len(list[0].Keys()) != 0 {
			t.Errorf("%d sessions, %v", len(list), err)
		}
	})
	t.Run("an event stream ends with the session", func(t *testing.T) {
		c := New(t, app)
		c.Want("POST", "/login", 200)
		response, err := c.Get(c.URL + "/events")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		lines := bufio.NewReader(response.Body)
		if line, err := lines.ReadString('\n'); err != nil || line != "data: hello\n" {
			t.Fatalf("%q, %v", line, err)
		}
		if _, err := c.Manager.RevokeOwner(t.Context(), "ada", session.Handle{}); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(lines); err != nil || !strings.Contains(string(rest), "data: bye") {
			t.Errorf("%q, %v", rest, err)
		}
	})
}
