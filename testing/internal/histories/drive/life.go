package drive

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// life is one session from its first request to its end, with the cookie that the tabs of a browser share.
type life struct {
	*fleet
	name  string
	short bool // it has timeouts of about a second

	before *life // whose cookie the browser still has
	buried bool  // the last look has found that the session has ended

	mu       sync.Mutex
	token    string
	old      []string
	ended    bool
	unknowns int
}

// maxUnknowns bounds the operations of unknown outcome in a session: each may stand anywhere after its call, and the
// orders to look through double with each.
const maxUnknowns = 8

// live goes through the life of one session, which comes after another one of the same browser.
func (f *fleet) live(rnd *rand.Rand, before *life) *life {
	l := &life{fleet: f, name: fmt.Sprintf("%s-%d", f.Name, f.lives.Add(1)), short: rnd.IntN(12) == 0, before: before}
	if !l.begin(rnd) {
		time.Sleep(50 * time.Millisecond)
		return before
	}
	var wg sync.WaitGroup
	done := l.watch(rnd)
	for i := range f.Tabs {
		seed := rnd.Uint64()
		wg.Go(func() {
			t := &tab{life: l, client: i, rnd: rand.New(rand.NewPCG(seed, 0))}
			t.browse(4 + t.rnd.IntN(10))
		})
	}
	wg.Wait()
	l.leave(rnd)
	done()
	l.before = nil
	return l
}

// begin makes the session. The browser may still have the cookie of one that has ended.
func (l *life) begin(rnd *rand.Rand) bool {
	t := &tab{life: l, client: l.Tabs, rnd: rnd}
	steps := []wire.Step{t.set()}
	if l.short {
		idle := 400 + rnd.Int64N(400)
		steps = append(steps, wire.Step{Do: wire.Timeout, Idle: idle, Absolute: idle + rnd.Int64N(900)})
	}
	if rnd.IntN(4) == 0 {
		steps = append(steps, wire.Step{Do: wire.Save}, t.set())
	}
	e := exchange{begin: true, steps: steps}
	if l.before != nil && l.before.buried {
		e.token = l.before.token
	}
	t.ask(e)
	return l.cookie() != ""
}

// leave looks once more, until there is an answer: with the newest token, and with those from before it.
func (l *life) leave(rnd *rand.Rand) {
	t := &tab{life: l, client: l.Tabs, rnd: rnd}
	for range 200 {
		l.mu.Lock()
		l.ended = false
		l.mu.Unlock()
		if t.ask(exchange{}) {
			l.mu.Lock()
			l.buried = l.ended
			l.mu.Unlock()
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, token := range l.old {
		t.ask(exchange{token: token})
	}
}

func (l *life) cookie() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.token
}

// oldCookie is one from before a rotation, if there was any.
func (l *life) oldCookie(rnd *rand.Rand) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.old) == 0 {
		return l.token
	}
	return l.old[rnd.IntN(len(l.old))]
}

// bring is what a response's Set-Cookie does to the browser.
func (l *life) bring(token string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if token == "" || token == l.token || slices.Contains(l.old, token) {
		return
	}
	if l.token != "" {
		l.old = append(l.old, l.token)
	}
	l.token = token
}

// took notes what operations have come to.
func (l *life) took(ops []history.Op) {
	l.log.Add(ops...)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range ops {
		op := &ops[i]
		if op.Outcome == history.Unknown && op.Kind != history.Socket {
			l.unknowns++
		}
		gone := op.Outcome == history.Gone && op.Token == l.token
		l.ended = l.ended || gone || op.Kind == history.Destroy && op.Outcome == history.OK
	}
}

// over reports whether the tabs have nothing more to do here.
func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended || l.unknowns >= maxUnknowns
}
