package main

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/coder/websocket"
)

// peer is the client's end of a socket.
type peer struct {
	t    *testing.T
	conn *websocket.Conn
}

// reply is a message of the server.
type reply struct {
	Session *state
	Error   string
	Tabs    []seat
}

// dial opens a socket with the client's cookies, and keeps those of the handshake.
func (c *client) dial(query string) *peer {
	c.t.Helper()
	header := c.header.Clone()
	if header.Get("Origin") == "" {
		header.Set("Origin", c.server.URL)
	}
	if header.Get("Cookie") == "" && c.cookie() != "" {
		header.Set("Cookie", c.cookie())
	}
	conn, resp, err := websocket.Dial(c.t.Context(), c.server.URL+"/ws"+query, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetReadLimit(2 * maxBody)
	c.t.Cleanup(func() { _ = conn.CloseNow() })
	c.http.Jar.SetCookies(resp.Request.URL, resp.Cookies())
	return &peer{c.t, conn}
}

func (p *peer) send(text string) {
	p.t.Helper()
	if err := p.conn.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) read() (reply, error) {
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var r reply
	_, text, err := p.conn.Read(ctx)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	return r, err
}

func (p *peer) next() reply {
	p.t.Helper()
	r, err := p.read()
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// answer sends a message and returns what it is answered with. News of other tabs may come before.
func (p *peer) answer(text string) reply {
	p.t.Helper()
	p.send(text)
	for {
		if r := p.next(); r.Tabs == nil {
			return r
		}
	}
}

// told sends a message and returns the session of the answer.
func (p *peer) told(text string) state {
	p.t.Helper()
	r := p.answer(text)
	if r.Session == nil {
		p.t.Fatalf("%.100s: %+v, want the session", text, r)
	}
	return *r.Session
}

// refused sends a message that the server answers with an error.
func (p *peer) refused(text string) string {
	p.t.Helper()
	r := p.answer(text)
	if r.Error == "" {
		p.t.Errorf("%.100s: %+v, want an error", text, r)
	}
	return r.Error
}

// until reads on until a session's entries are these.
func (p *peer) until(data string) {
	p.t.Helper()
	for {
		if r := p.next(); r.Session != nil && r.Session.json() == data {
			return
		}
	}
}

// closed reads on to the close frame.
func (p *peer) closed(code websocket.StatusCode, reason string) {
	p.t.Helper()
	for {
		_, err := p.read()
		if err == nil {
			continue
		}
		var frame websocket.CloseError
		if !errors.As(err, &frame) || frame.Code != code || frame.Reason != reason {
			p.t.Errorf("the socket ended with %v, want %d %q", err, code, reason)
		}
		return
	}
}
