package suite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
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

// Serve serves a program until the test's end, and returns its URL.
type Serve func(*testing.T, *session.Manager) string

// HTTP serves a program of net/http.
func HTTP(app func(*session.Manager) http.Handler) Serve {
	return func(t *testing.T, m *session.Manager) string {
		server := httptest.NewServer(app(m))
		t.Cleanup(server.Close)
		return server.URL
	}
}

// New serves a program and returns a client of it, which has been there once: it has the cookie against cross-site
// requests, if the program has one.
func New(t *testing.T, app func(*session.Manager) http.Handler) *Client {
	t.Helper()
	return NewServed(t, HTTP(app))
}

// NewServed is New for a program that is served in its own way.
func NewServed(t *testing.T, serve Serve) *Client {
	t.Helper()
	m, log := NewManager(t, session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
	c := &Client{Client: &http.Client{Timeout: 30 * time.Second}, t: t, URL: serve(t, m), Log: log, Manager: m}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c.Another()
}

// NewManager returns a manager in memory, and what it logs. At the test's end it has to be shut down: no stream is left.
func NewManager(t *testing.T, config session.Config) (*session.Manager, *Log) {
	t.Helper()
	log := &Log{}
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	m, err := session.New(memstore.New(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := m.Shutdown(ctx); err != nil {
			t.Errorf("a stream is left: %v", err)
		}
	})
	return m, log
}

// Another returns another browser at the same program.
func (c *Client) Another() *Client {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	browser, other := *c.Client, *c
	browser.Jar, other.Client = jar, &browser
	other.Do("GET", "/account")
	return &other
}

// Request returns a request with the headers that a page of the program sends.
func (c *Client) Request(method, path, body string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for _, cookie := range c.Jar.Cookies(r.URL) {
		if cookie.Name == "csrf_" || cookie.Name == "_csrf" { // of fiber, and of Echo
			r.Header.Set("X-Csrf-Token", cookie.Value)
		}
	}
	return r
}

// Do sends a request and returns the response's status and body.
func (c *Client) Do(method, path string) (int, string) {
	c.t.Helper()
	return c.Send(c.Request(method, path, `{"user":"ada"}`))
}

// Send is Do with a request.
func (c *Client) Send(r *http.Request) (int, string) {
	c.t.Helper()
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
	User, Flash, Here string
	Sessions          []string
}) {
	c.t.Helper()
	if err := json.Unmarshal([]byte(c.Want("GET", "/account", 200)), &shown); err != nil {
		c.t.Fatal(err)
	}
	return shown
}

// Run drives a program of net/http.
func Run(t *testing.T, app func(*session.Manager) http.Handler) { RunServed(t, HTTP(app)) }

// RunServed drives a program that is served in its own way.
func RunServed(t *testing.T, app Serve) {
	t.Run("login, flash, account, logout", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login", 200)
		if shown := c.account(); shown.User != "ada" || shown.Flash != "Welcome, ada" || len(shown.Sessions) != 1 {
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
	t.Run("a session ends on the other's account page", func(t *testing.T) {
		here := NewServed(t, app)
		there := here.Another()
		here.Want("POST", "/login", 200)
		there.Want("POST", "/login", 200)
		shown := here.account()
		// Both may be of the same millisecond, and come in any order then.
		all := len(shown.Sessions)
		others := slices.DeleteFunc(shown.Sessions, func(id string) bool { return id == shown.Here })
		if all != 2 || len(others) != 1 {
			t.Fatalf("the account shows %+v", shown)
		}
		here.Want("DELETE", "/sessions/"+others[0], 204)
		here.Want("DELETE", "/sessions/"+others[0], 404)
		if user := there.account().User; user != "" {
			t.Errorf("%s is still logged in there", user)
		}
		if user := here.account().User; user != "ada" {
			t.Errorf("%q is logged in here", user)
		}
	})
	t.Run("a redirect takes the cookie along", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login-and-redirect", 303)
		if shown := c.account(); shown.User != "ada" {
			t.Errorf("%q is logged in", shown.User)
		}
	})
	t.Run("a failed commit is no 200", func(t *testing.T) {
		c := NewServed(t, app)
		if body := c.Want("POST", "/fill", 413); strings.Contains(body, "filled") {
			t.Errorf("the handler's body: %q", body)
		}
		if log := c.Log.String(); strings.Contains(log, "panic") {
			t.Errorf("the framework panics: %s", log)
		}
	})
	t.Run("the application's own 422 stands", func(t *testing.T) { NewServed(t, app).Want("POST", "/refuse", 422) })
	t.Run("a panic saves nothing", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login", 200)
		c.Want("POST", "/break", 500)
		c.unbroken()
	})
	t.Run("an abort saves nothing, and is no success", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login", 200)
		response, err := c.Client.Do(c.Request("POST", "/abort", ""))
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode < 500 {
				t.Errorf("status %d", response.StatusCode)
			}
		}
		c.unbroken()
	})
	t.Run("an event stream ends with the session", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login", 200)
		r := c.Request("GET", "/events", "")
		r.Header.Set("Accept", "text/event-stream")
		response, err := c.Client.Do(r)
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
	t.Run("a WebSocket has the session and ends with it", func(t *testing.T) {
		c := NewServed(t, app)
		c.Want("POST", "/login", 200)
		if _, response, err := c.dial("https://evil.example"); err == nil || response == nil || response.StatusCode != 403 {
			t.Fatalf("a foreign page's handshake: %v", err)
		}
		conn, _, err := c.dial(c.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.CloseNow()
		for want := 1; want <= 2; want++ {
			var got int
			if err := conn.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if err := wsjson.Read(t.Context(), conn, &got); err != nil || got != want {
				t.Fatalf("received %d, %v", got, err)
			}
		}
		c.Want("POST", "/logout", 204)
		if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != 4001 {
			t.Errorf("the socket ends with %v", err)
		}
	})
}

// unbroken checks that the user's session has nothing of a handler that has failed.
func (c *Client) unbroken() {
	c.t.Helper()
	list, err := c.Manager.Sessions(c.t.Context(), "ada", "broken")
	if err != nil || len(list) != 1 || len(list[0].Keys()) != 0 {
		c.t.Errorf("%d sessions, %v", len(list), err)
	}
}

// dial opens a socket as a page of that origin does.
func (c *Client) dial(origin string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(c.t.Context(), "ws"+strings.TrimPrefix(c.URL, "http")+"/socket", &websocket.DialOptions{
		HTTPClient: c.Client, HTTPHeader: http.Header{"Origin": {origin}},
	})
}
