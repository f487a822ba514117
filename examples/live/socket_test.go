package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

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
