package main

import (
	"math/rand/v2"
	"sync"
	"time"
)

// graves are tokens that must not open a session any more.
type graves struct {
	mu   sync.Mutex
	all  []grave
	of   map[string]time.Time
	next int // to be forgotten
}

type grave struct{ token, why string }

// most is how many are remembered.
const most = 20_000

// bury adds a token whose end was acknowledged now.
func (g *graves) bury(token, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[string]time.Time{}
	}
	g.of[token] = time.Now()
	if len(g.all) < most {
		g.all = append(g.all, grave{token, why})
		return
	}
	delete(g.of, g.all[g.next].token)
	g.all[g.next] = grave{token, why}
	g.next = (g.next + 1) % most
}

// any returns one of them, if there are any, and why it is there.
func (g *graves) any() (token, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.all) == 0 {
		return "", ""
	}
	one := g.all[rand.IntN(len(g.all))]
	return one.token, one.why
}

// since returns when the token was buried, if it was.
func (g *graves) since(token string) (time.Time, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, is := g.of[token]
	return at, is
}
