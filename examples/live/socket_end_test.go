package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/simples-go/sessions/session"
)

func TestSessionsEndClosesSockets(t *testing.T) {
	for reason, end := range map[string]func(*client){
		"session destroyed": func(c *client) { c.want(http.StatusNoContent, http.MethodPost, "/api/session/destroy", "") },
		"session rotated":   func(c *client) { c.want(http.StatusNoContent, http.MethodPost, "/api/session/rotate", "") },
		"session revoked":   revokeFromElsewhere,
		"session expired": func(c *client) {
			c.want(http.StatusNoContent, http.MethodPut, "/api/session/timeout", `{"seconds":60}`)
			c.server.store.Advance(2 * time.Minute)
		},
	} {
		t.Run(reason, func(t *testing.T) {
			c := newServer(t).client(t)
			p := c.dial("")
			p.told(`{"set":{"key":"k","value":1}}`)
			end(c)
			p.closed(4001, reason)
		})
	}
}

// revokeFromElsewhere ends the client's session as an operator does.
func revokeFromElsewhere(c *client) {
	c.t.Helper()
	if _, err := c.server.app.sessions.Revoke(c.t.Context(), handleOf(c)); err != nil {
		c.t.Fatal(err)
	}
}

func handleOf(c *client) session.Handle {
	c.t.Helper()
	_, token, _ := strings.Cut(c.cookie(), "=")
	s, err := c.server.app.sessions.Open(c.t.Context(), token)
	if err != nil {
		c.t.Fatal(err)
	}
	return s.Handle()
}

// TestSocketWithTheOldCookie: the browser is told to come again with the new one.
func TestSocketWithTheOldCookie(t *testing.T) {
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/k", `1`)
	old := c.cookie()
	c.want(http.StatusNoContent, http.MethodPost, "/api/session/rotate", "")
	c.header.Set("Cookie", old)
	c.dial("").closed(4001, "session rotated")
}

func TestSocketOrigin(t *testing.T) {
	s := newServer(t)
	for _, origin := range []string{"https://evil.example", "null", s.URL + ".evil.example", strings.Replace(s.URL, "http:", "https:", 1)} {
		header := http.Header{"Origin": {origin}}
		_, resp, err := websocket.Dial(t.Context(), s.URL+"/ws", &websocket.DialOptions{HTTPHeader: header})
		if err == nil || resp == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("Origin %s: %v", origin, err)
		}
	}
	if s.store.Len() > 0 {
		t.Error("a refused handshake has left a row")
	}
}

func TestWebSocketPathWithoutAHandshake(t *testing.T) {
	c := newServer(t).client(t)
	if resp, _ := c.do(http.MethodGet, "/ws", ""); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("status %d", resp.StatusCode)
	}
}
