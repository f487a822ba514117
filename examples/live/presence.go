package main

import (
	"regexp"
	"slices"
	"sync"

	"github.com/simples-go/sessions/session"
)

// presence knows which tabs have which session open, on all nodes. The zero value is not usable, see newPresence.
type presence struct {
	addr string
	wake chan struct{} // holds a mark after a tab has come or gone
	node node          // of run alone

	mu   sync.Mutex
	tabs map[session.Handle][]*tab // of this node
}

// tab is one tab of a browser with an open socket.
type tab struct {
	seat
	news chan []seat // holds the newest list of the session's tabs until it is received
	seen []seat      // of run alone: what was sent last
}

// seat is a tab as others see it.
type seat struct {
	Name string `json:"name"`
	Node string `json:"node"`
}

var tabName = regexp.MustCompile(`^[A-Za-z0-9]{1,32}$`)

func newPresence(sessions *session.Manager, addr string) (*presence, error) {
	nodes, err := deriveNodes(sessions)
	if err != nil {
		return nil, err
	}
	return &presence{
		addr: addr,
		wake: make(chan struct{}, 1),
		node: node{manager: nodes},
		tabs: map[session.Handle][]*tab{},
	}, nil
}

// join adds a tab. Every join needs a leave.
func (p *presence) join(handle session.Handle, name string) *tab {
	t := &tab{seat: seat{Name: name, Node: p.addr}, news: make(chan []seat, 1)}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tabs[handle] = append(p.tabs[handle], t)
	p.signal()
	return t
}

func (p *presence) leave(handle session.Handle, t *tab) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tabs[handle] = slices.DeleteFunc(p.tabs[handle], func(other *tab) bool { return other == t })
	if len(p.tabs[handle]) == 0 {
		delete(p.tabs, handle)
	}
	p.signal()
}

func (p *presence) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// changes receives the session's tabs whenever they change, and never for a nil tab.
func (t *tab) changes() <-chan []seat {
	if t == nil {
		return nil
	}
	return t.news
}

// tell leaves the list for the tab's socket, in place of an older one. One goroutine calls it.
func (t *tab) tell(seats []seat) {
	if slices.Equal(seats, t.seen) {
		return
	}
	t.seen = seats
	select {
	case <-t.news:
	default:
	}
	t.news <- seats
}

// open returns the tabs of this node.
func (p *presence) open() map[session.Handle][]*tab {
	p.mu.Lock()
	defer p.mu.Unlock()
	tabs := make(map[session.Handle][]*tab, len(p.tabs))
	for handle, list := range p.tabs {
		tabs[handle] = slices.Clone(list)
	}
	return tabs
}
