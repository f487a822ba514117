package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// patience bounds every wait in these tests.
const patience = 30 * time.Second

// server is the application on a memory store.
type server struct {
	*httptest.Server
	app   *app
	store *memstore.Store
}

func newServer(t *testing.T) *server {
	t.Helper()
	return newServerOn(t, memstore.New())
}

func newServerOn(t *testing.T, store *memstore.Store) *server {
	t.Helper()
	s := serve(t, store)
	return &server{Server: s.Server, app: s.app, store: store}
}

func serve(t *testing.T, store session.Store) *server {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	a, err := newApp(openedStore{Store: store}, web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	web.Config.Handler = a.handler()
	web.Start()
	stop := a.background()
	t.Cleanup(func() {
		stop()
		web.Close()
	})
	return &server{Server: web, app: a}
}

// client is a browser without a page.
type client struct {
	t      *testing.T
	server *server
	http   *http.Client
	header http.Header
}

func (s *server) client(t *testing.T) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &client{t: t, server: s, http: &http.Client{Jar: jar, Timeout: patience}, header: http.Header{}}
}

func (c *client) do(method, path, body string) (*http.Response, string) {
	c.t.Helper()
	r, err := http.NewRequest(method, c.server.URL+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header = c.header.Clone()
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp, strings.TrimSpace(string(text))
}

// want sends a request and checks the answer's status. It returns the body.
func (c *client) want(status int, method, path, body string) string {
	c.t.Helper()
	resp, text := c.do(method, path, body)
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, resp.StatusCode, text, status)
	}
	return text
}

// refused is want for an answer that is an error, which must be told as JSON.
func (c *client) refused(status int, method, path, body string) {
	c.t.Helper()
	checkError(c.t, c.want(status, method, path, body))
}

func checkError(t *testing.T, body string) {
	t.Helper()
	var answer map[string]string
	if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer) != 1 || answer["error"] == "" {
		t.Errorf(`the answer is not {"error":"…"}: %s`, body)
	}
}

// session returns what GET /api/session says.
func (c *client) session() state {
	c.t.Helper()
	var s state
	unmarshal(c.t, c.want(http.StatusOK, http.MethodGet, "/api/session", ""), &s)
	return s
}

// data is the session's entries as one JSON text.
func (s state) json() string {
	text, err := json.Marshal(s.Data)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// cookie returns the session's cookie, as a Cookie header.
func (c *client) cookie() string {
	c.t.Helper()
	r, err := http.NewRequest(http.MethodGet, c.server.URL, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	var pairs []string
	for _, cookie := range c.http.Jar.Cookies(r.URL) {
		pairs = append(pairs, cookie.Name+"="+cookie.Value)
	}
	return strings.Join(pairs, "; ")
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	deadline := time.After(patience)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatal(err)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func equal(got, want any) error {
	if g, w := fmt.Sprint(got), fmt.Sprint(want); g != w {
		return fmt.Errorf("%s, want %s", g, w)
	}
	return nil
}
