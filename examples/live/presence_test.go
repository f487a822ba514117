package main

import (
	"errors"
	"net/http"
	"testing"

	"github.com/coder/websocket"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// sees reads on until the tabs are these.
func (p *peer) sees(names ...string) {
	p.t.Helper()
	for {
		r := p.next()
		var got []string
		for _, tab := range r.Tabs {
			got = append(got, tab.Name)
		}
		if len(got) == len(names) && equal(got, names) == nil {
			return
		}
	}
}

func TestTabsSeeEachOther(t *testing.T) {
	c := newServer(t).client(t)
	p := c.dial("?tab=a")
	p.sees("a")
	q := c.dial("?tab=b")
	p.sees("a", "b")
	q.sees("a", "b")
	stranger := c.server.client(t).dial("?tab=x")
	stranger.sees("x")
	if err := q.conn.CloseNow(); err != nil {
		t.Fatal(err)
	}
	p.sees("a")
}

func TestTabsOfOtherNodes(t *testing.T) {
	store := memstore.New()
	a, b := newServerOn(t, store), newServerOn(t, store)
	c := a.client(t)
	p := c.dial("?tab=a")
	p.sees("a")
	elsewhere := b.client(t)
	elsewhere.header.Set("Cookie", c.cookie())
	q := elsewhere.dial("?tab=b")
	for _, peer := range []*peer{p, q} {
		peer.sees(inOrderOfNodes(a, b)...)
	}
	if err := p.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	q.sees("b")
}

func inOrderOfNodes(a, b *server) []string {
	if a.Listener.Addr().String() < b.Listener.Addr().String() {
		return []string{"a", "b"}
	}
	return []string{"b", "a"}
}

// TestNodesLeaveNothing: a node without tabs has no row, and what its row holds opens nothing.
func TestNodesLeaveNothing(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	p := c.dial("?tab=a")
	p.sees("a")
	if n := s.store.Len(); n != 2 {
		t.Errorf("%d rows, want the session's and the node's", n)
	}
	if err := p.conn.CloseNow(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { return equal(s.store.Len(), 1) })
}

func TestNodeComesBackAfterItsSessionWasLost(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	p := c.dial("?tab=a")
	p.sees("a")
	if _, err := s.app.sessions.RevokeOwner(t.Context(), nodesOwner, session.Handle{}); err != nil {
		t.Fatal(err)
	}
	q := c.dial("?tab=b")
	q.sees("a", "b")
}

func TestTabNames(t *testing.T) {
	s := newServer(t)
	for _, query := range []string{"?tab=%20", "?tab=a%00", "?tab=abcdefghijklmnopqrstuvwxyz0123456"} {
		header := http.Header{"Origin": {s.URL}}
		_, resp, err := websocket.Dial(t.Context(), s.URL+"/ws"+query, &websocket.DialOptions{HTTPHeader: header})
		if err == nil || resp == nil || resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %v", query, errors.Join(err))
		}
	}
}
