// Package sessiontest is for tests of handlers that use sessions: requests with a session in them, and a look at what a
// handler left. A test of a handler takes three lines:
//
//	c := sessiontest.New(t, map[string]any{"visits": 2})
//	c.Serve(http.HandlerFunc(visit), httptest.NewRequest("GET", "/", nil))
//	if n := sessiontest.Get[int](c, "visits"); n != 3 {
//		t.Errorf("%d visits", n)
//	}
//
// What is not as it should be ends the test with Fatalf, so nothing here returns an error.
package sessiontest

import (
	"context"
	"net/http"
	"net/http/httptest"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// TB is what this package needs of a [testing.TB].
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Client is a browser, or a program that calls an API, with at most one session of one manager. It keeps the token from
// response to request, as a browser keeps a cookie. Make one with New or NewWith. It is for one goroutine.
type Client struct {
	tb      TB
	manager *session.Manager
	carrier carrier
	token   string // "" if there is no session
}

// New returns a client of a manager of its own, on a memory store and with the zero Config. It has a session with the
// given entries; without one if they are nil.
func New(tb TB, entries map[string]any) *Client {
	tb.Helper()
	manager, err := session.New(memstore.New(), session.Config{})
	if err != nil {
		tb.Fatalf("sessiontest: %v", err)
	}
	return NewWith(tb, manager, entries)
}

// NewWith is New with a given manager, whatever its store and configuration are. Its Enabled function is called with a
// "GET /" without any header.
func NewWith(tb TB, manager *session.Manager, entries map[string]any) *Client {
	tb.Helper()
	c := &Client{tb: tb, manager: manager}
	if entries != nil {
		c.begin(entries)
	}
	return c
}

// begin makes the session in a request, as an application would, which also shows how the manager carries its token.
func (c *Client) begin(entries map[string]any) {
	c.tb.Helper()
	served, failed := false, error(nil)
	response := c.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s, ok := c.manager.Lookup(r.Context()); ok {
			served, failed = true, fill(s, entries)
		}
	}), httptest.NewRequest(http.MethodGet, "/", nil))
	switch {
	case failed != nil:
		c.tb.Fatalf("sessiontest: the session cannot be made: %v", failed)
	case !served && response.Code == http.StatusOK:
		c.tb.Fatalf("sessiontest: the manager is disabled for the request GET /")
	case c.token == "":
		c.tb.Fatalf("sessiontest: the session cannot be made: the manager answers with status %d", response.Code)
	}
}

func fill(s *session.Session, entries map[string]any) error {
	if err := s.Generate(); err != nil { // a session without entries is one, too
		return err
	}
	for key, value := range entries {
		if err := s.Set(key, value); err != nil {
			return err
		}
	}
	return nil
}

// LogIn logs the client in as owner, as a handler does with [session.Session.Login], and returns it. A login that is
// not saved, for the owner's limit of sessions or a store that fails, ends the test too.
func (c *Client) LogIn(owner string) *Client {
	c.tb.Helper()
	var failed error
	response := c.Serve(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		failed = c.manager.FromContext(r.Context()).Login(owner)
	}), httptest.NewRequest(http.MethodPost, "/", nil))
	switch {
	case failed != nil:
		c.tb.Fatalf("sessiontest: log in: %v", failed)
	case response.Code != http.StatusOK:
		c.tb.Fatalf("sessiontest: log in: the manager answers with status %d", response.Code)
	}
	return c
}

// Manager returns the client's manager.
func (c *Client) Manager() *session.Manager { return c.manager }

// Serve lets h answer r, inside of the manager's middleware and with the client's session, and returns the response. h
// may also be a whole application that has the same manager's middleware in it. The response can be flushed, but not
// hijacked: a WebSocket handler needs a server, see Add.
func (c *Client) Serve(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	c.tb.Helper()
	w := httptest.NewRecorder()
	c.manager.Handler(h).ServeHTTP(w, c.Add(r))
	c.Take(w.Result())
	return w
}

// Add puts the client's token into a request, if there is one, and returns the request: for a server, or a WebSocket
// handshake.
func (c *Client) Add(r *http.Request) *http.Request {
	if c.token != "" {
		c.carrier.put(r, c.token)
	}
	return r
}

// Take takes from a response what a browser would: a new token, or the session's end. Serve does so by itself.
func (c *Client) Take(response *http.Response) {
	if c.carrier == (carrier{}) {
		c.carrier = findCarrier(response, c.opens)
	}
	if token, told := c.carrier.get(response); told {
		c.token = token
	}
}

func (c *Client) opens(token string) bool {
	_, err := c.manager.Open(context.Background(), token)
	return err == nil
}

// Session returns the client's session as it is stored now, to look at or to change; changes are saved by its own Save.
// It ends the test if there is none; see Lookup.
func (c *Client) Session() *session.Session {
	c.tb.Helper()
	s, err := c.Lookup()
	if err != nil {
		c.tb.Fatalf("sessiontest: the client has no session: %v", err)
	}
	return s
}

// Lookup is Session for tests of what ends one. If the client has no session, or one that has ended, it returns an
// error that matches session.ErrGone.
func (c *Client) Lookup() (*session.Session, error) {
	return c.manager.Open(context.Background(), c.token)
}

// Get returns an entry of the client's session as it is stored now. It ends the test if there is no session, no such
// entry, or one that is no T.
func Get[T any](c *Client, key string) T {
	c.tb.Helper()
	s := c.Session()
	value, err := session.Get[T](s, key)
	switch {
	case err != nil:
		c.tb.Fatalf("sessiontest: %v", err)
	case !s.Has(key):
		c.tb.Fatalf("sessiontest: the session has no entry %q, only %q", key, s.Keys())
	}
	return value
}
