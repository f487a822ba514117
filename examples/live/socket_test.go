package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/simples-go/sessions/session"
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

// told sends a message and returns the session of the answer.
func (p *peer) told(text string) state {
	p.t.Helper()
	p.send(text)
	r := p.next()
	if r.Session == nil {
		p.t.Fatalf("%.100s: %+v, want the session", text, r)
	}
	return *r.Session
}

// refused sends a message that the server answers with an error.
func (p *peer) refused(text string) string {
	p.t.Helper()
	p.send(text)
	r := p.next()
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

func TestSocketMakesARow(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	p := c.dial("")
	if c.cookie() == "" || s.store.Len() != 1 {
		t.Errorf("cookie %v, %d rows", c.cookie() != "", s.store.Len())
	}
	if st := p.told(`{"load":true}`); st.New || st.Changed || st.Expiration == nil || len(st.Data) > 0 {
		t.Errorf("%+v", st)
	}
}

func TestSocketMessages(t *testing.T) {
	c := newServer(t).client(t)
	p := c.dial("")
	if st := p.told(`{"set":{"key":"k","value":{"n":9007199254740993}}}`); !st.Changed || st.json() != `{"k":{"n":9007199254740993}}` {
		t.Errorf("after set: %+v", st)
	}
	if st := c.session(); len(st.Data) > 0 {
		t.Errorf("a request sees what the socket has not saved: %+v", st)
	}
	if st := p.told(`{"load":true}`); !st.Changed || len(st.Data) != 1 {
		t.Errorf("load has dropped what is pending: %+v", st)
	}
	if st := p.told(`{"save":true}`); st.Changed {
		t.Errorf("after save: %+v", st)
	}
	if st := c.session(); st.json() != `{"k":{"n":9007199254740993}}` {
		t.Errorf("a request after save: %+v", st)
	}
	if st := p.told(`{"set":{"key":"null","value":null}}`); st.json() != `{"k":{"n":9007199254740993},"null":null}` {
		t.Errorf("after set of null: %+v", st)
	}
	if st := p.told(`{"delete":"k"}`); !st.Changed || st.json() != `{"null":null}` {
		t.Errorf("after delete: %+v", st)
	}
	if st := p.told(`{"increment":"n"}`); st.Changed || st.json() != `{"n":1,"null":null}` {
		t.Errorf("after increment, which saves: %+v", st)
	}
}

func TestBadMessagesLeaveTheSocketOpen(t *testing.T) {
	c := newServer(t).client(t)
	p := c.dial("")
	for _, bad := range []string{
		``, `garbage`, `null`, `[]`, `{}`, `{"set":{}}`, `{"set":{"key":"k"}}`, `{"set":{"value":1}}`, `{"delete":1}`,
		`{"save":false}`, `{"save":true,"load":true}`, `{"load":true} {"load":true}`, `{"unknown":1}`,
		`{"set":{"key":"k","value":"\u0000"}}`, `{"set":{"key":"\u0000","value":1}}`, `{"increment":"\u0000"}`,
		`{"set":{"key":"k","value":"` + strings.Repeat("x", maxBytes) + `"}}`,
		strings.Repeat(" ", maxBody+1), strings.Repeat("x", 3*maxBody),
	} {
		p.refused(bad)
	}
	if err := p.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"load":true}`)); err != nil {
		t.Fatal(err)
	}
	if r := p.next(); r.Error == "" {
		t.Errorf("a binary message: %+v", r)
	}
	if st := p.told(`{"save":true}`); st.Changed || len(st.Data) > 0 {
		t.Errorf("after bad messages: %+v", st)
	}
}

// TestTooLargeSessionCanBeMended: what does not fit stays pending, and may be taken back.
func TestTooLargeSessionCanBeMended(t *testing.T) {
	p := newServer(t).client(t).dial("")
	half := strings.Repeat("x", maxBytes*2/3)
	p.told(`{"set":{"key":"a","value":"` + half + `"}}`)
	p.told(`{"set":{"key":"b","value":"` + half + `"}}`)
	if text := p.refused(`{"save":true}`); !strings.Contains(text, "too large") {
		t.Error(text)
	}
	p.told(`{"delete":"b"}`)
	if st := p.told(`{"save":true}`); st.Changed || len(st.Data) != 1 {
		t.Errorf("changed %v, %d entries", st.Changed, len(st.Data))
	}
}

func TestBadIncrementLeavesTheEntry(t *testing.T) {
	p := newServer(t).client(t).dial("")
	p.told(`{"set":{"key":"n","value":9223372036854775807}}`)
	p.refused(`{"increment":"n"}`)
	if st := p.told(`{"save":true}`); st.json() != `{"n":9223372036854775807}` {
		t.Error(st.json())
	}
}

func TestSocketSavesAtItsEnd(t *testing.T) {
	for name, end := range map[string]func(*websocket.Conn) error{
		"close frame": func(conn *websocket.Conn) error { return conn.Close(websocket.StatusNormalClosure, "") },
		"vanished":    func(conn *websocket.Conn) error { return conn.CloseNow() },
	} {
		t.Run(name, func(t *testing.T) {
			c := newServer(t).client(t)
			p := c.dial("")
			p.told(`{"set":{"key":"k","value":1}}`)
			if err := end(p.conn); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() error { return equal(c.session().json(), `{"k":1}`) })
		})
	}
}

func TestChangesArePushed(t *testing.T) {
	c := newServer(t).client(t)
	p, q := c.dial(""), c.dial("")
	p.told(`{"load":true}`)
	q.told(`{"set":{"key":"mine","value":1}}`)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/k", `2`)
	p.until(`{"k":2}`)
	q.until(`{"k":2,"mine":1}`)
	q.told(`{"save":true}`)
	p.until(`{"k":2,"mine":1}`)
}

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

func TestManySocketsAndRequestsLoseNothing(t *testing.T) {
	const each = 20
	c := newServer(t).client(t)
	c.want(http.StatusNoContent, http.MethodPut, "/api/session/data/first", `0`)
	done := make(chan error)
	for i := range 2 {
		p := c.dial("")
		go func() { done <- saveMany(p, fmt.Sprint("socket", i), each) }()
	}
	go func() {
		for n := range each {
			c.want(http.StatusNoContent, http.MethodPut, fmt.Sprintf("/api/session/data/request-%d", n), "1")
		}
		done <- nil
	}()
	for range 3 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := len(c.session().Data); n != 1+3*each {
		t.Errorf("%d entries, want %d", n, 1+3*each)
	}
}

// saveMany sets and saves entries one after the other.
func saveMany(p *peer, name string, n int) error {
	for i := range n {
		set := fmt.Sprintf(`{"set":{"key":"%s-%d","value":1}}`, name, i)
		for _, text := range []string{set, `{"save":true}`} {
			if err := p.conn.Write(p.t.Context(), websocket.MessageText, []byte(text)); err != nil {
				return err
			}
		}
	}
	for {
		r, err := p.read()
		if err != nil || r.Error != "" {
			return errors.Join(err, errors.New(r.Error))
		}
		if _, last := r.Session.Data[fmt.Sprintf("%s-%d", name, n-1)]; last && !r.Session.Changed {
			return nil
		}
	}
}
