package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// browser has one session at a time. Whoever uses its token holds mu for reading, and who changes it for writing.
type browser struct {
	*load
	number int

	mu    sync.RWMutex
	token string // empty if there is no session

	acked atomic.Int64 // increments of the session that were acknowledged
	tried atomic.Int64 // those that may have been made, which are no fewer
}

// actions are what browsers do, each as often as it stands here: of a hundred requests 68 read.
var actions = func() (all []func(*browser, time.Time)) {
	for _, a := range []struct {
		of100 int
		do    func(*browser, time.Time)
	}{
		{68, (*browser).read}, {23, (*browser).count}, {3, (*browser).visit}, {2, (*browser).rotate}, {1, (*browser).leave},
		{1, (*browser).revoke}, {2, (*browser).old},
	} {
		for range a.of100 {
			all = append(all, a.do)
		}
	}
	return all
}()

// read loads the session and compares what it has with what was acknowledged before and tried since.
func (b *browser) read(due time.Time) { b.use(due, nil) }

// count increments the session's counter.
func (b *browser) count(due time.Time) {
	b.use(due, []wire.Step{{Do: wire.Add, Add: map[string]int64{"n": 1}}})
}

// use makes a request with the session, or with that of another browser if this one is about to get a new token. Others
// may use it at the same time.
func (b *browser) use(due time.Time, steps []wire.Step) {
	b = b.free((*sync.RWMutex).TryRLock)
	if b == nil {
		return
	}
	if b.token == "" {
		b.mu.RUnlock()
		b.beginAgain(due)
		return
	}
	defer b.mu.RUnlock()
	least := b.acked.Load()
	b.tried.Add(int64(len(steps)))
	a, n, err := b.ask(due, b.token, wire.Request{Steps: steps})
	switch {
	case err != nil:
	case a.lost():
		b.report.broken.add("the live session of browser %d did not open: %s %s", b.number, a.Error, a.Text)
	case a.opened():
		b.compareWith(a.View["n"], least)
	}
	if err == nil && len(a.Results) > 0 && a.Results[0].Error == wire.None {
		b.acked.Add(1)
		n.wrote.Store(time.Now().UnixNano())
	}
}

// free returns this browser, or another one whose lock can be had at once, and nil if there are hardly any.
func (b *browser) free(try func(*sync.RWMutex) bool) *browser {
	for range tries {
		if try(&b.mu) {
			return b
		}
		b = b.browsers[rand.IntN(len(b.browsers))]
	}
	b.report.idle.Add(1)
	return nil
}

const tries = 20

// alone is free for what ends the session's token: nobody else uses that until mu is unlocked.
func (b *browser) alone() *browser { return b.free((*sync.RWMutex).TryLock) }

// compareWith compares a counter that was read with what it may be.
func (b *browser) compareWith(n, least int64) {
	if most := b.tried.Load(); n < least || n > most {
		b.report.broken.add("browser %d has %d increments, of %d acknowledged before and %d tried", b.number, n, least, most)
	}
	b.report.reads.Add(1)
}

// begin begins a session.
func (b *browser) begin() { b.beginAt(time.Now()) }

// beginAgain begins one if there is none, and nobody else does so.
func (b *browser) beginAgain(due time.Time) {
	if !b.mu.TryLock() {
		return
	}
	defer b.mu.Unlock()
	if b.token == "" {
		b.beginAt(due)
	}
}

func (b *browser) beginAt(due time.Time) {
	b.token = ""
	b.acked.Store(0)
	b.tried.Store(0)
	a, _, err := b.ask(due, "", wire.Request{Begin: true, Steps: []wire.Step{{Do: wire.Login, Owner: b.owner()},
		{Do: wire.Set, Key: "n", N: 0}}})
	if err == nil && a.Error == wire.None && a.cookie != "" {
		b.token = a.cookie
	}
}

// owner is that of the browser's sessions.
func (b *browser) owner() string { return fmt.Sprint("owner", b.number) }

// visit is somebody's who does not come back. The session expires, and the collector has its row.
func (b *browser) visit(due time.Time) {
	ms := b.Idle.Milliseconds()
	_, _, _ = b.ask(due, "", wire.Request{Begin: true, Steps: []wire.Step{{Do: wire.Set, Key: "n", N: 0},
		{Do: wire.Timeout, Idle: ms, Absolute: ms}}})
}

// rotate gives the session a new token. The old one must not open it any more.
func (b *browser) rotate(due time.Time) {
	if b = b.alone(); b == nil {
		return
	}
	defer b.mu.Unlock()
	if b.token == "" {
		b.beginAt(due)
		return
	}
	old := b.token
	a, _, err := b.ask(due, old, wire.Request{Steps: []wire.Step{{Do: wire.Rotate}}})
	switch {
	case err == nil && a.lost():
		b.report.broken.add("the live session of browser %d did not open: %s %s", b.number, a.Error, a.Text)
		b.begin()
	case err == nil && a.opened() && a.Error == wire.None && a.cookie != "":
		b.token = a.cookie
		b.graves.bury(old, "rotated")
	default:
		b.begin() // nobody knows which token opens the session
	}
}

// leave is a logout, and a login.
func (b *browser) leave(due time.Time) {
	if b = b.alone(); b == nil {
		return
	}
	defer b.mu.Unlock()
	if b.token != "" {
		a, _, err := b.ask(due, b.token, wire.Request{Steps: []wire.Step{{Do: wire.Destroy}}})
		if err == nil && len(a.Results) > 0 && a.Results[0].Error == wire.None {
			b.graves.bury(b.token, "destroyed")
		}
	}
	b.begin()
}

// revoke ends the session from outside, and is followed by a login.
func (b *browser) revoke(due time.Time) {
	if b = b.alone(); b == nil {
		return
	}
	defer b.mu.Unlock()
	if b.token != "" {
		var res wire.Result
		_, err := b.send(due, http.MethodPost, "/revoke?owner="+b.owner(), "", nil, &res)
		if err == nil && res.Error == wire.None {
			b.graves.bury(b.token, "revoked")
		}
	}
	b.begin()
}

// old asks with a token that must open nothing.
func (b *browser) old(due time.Time) {
	token, why := b.graves.any()
	if token == "" {
		b.read(due)
		return
	}
	a, _, err := b.ask(due, token, wire.Request{})
	if err == nil && a.opened() {
		b.report.broken.add("a %s session has opened", why)
	}
	b.report.olds.Add(1)
}

// last compares what the session has at the end, when nothing is under way.
func (b *browser) last() {
	if b.token == "" {
		return
	}
	a, _, err := b.ask(time.Now(), b.token, wire.Request{})
	if err != nil || !a.opened() {
		b.report.broken.add("the live session of browser %d did not open at the end: %v %+v", b.number, err, a)
		return
	}
	b.report.kept.Add(a.View["n"])
	b.compareWith(a.View["n"], b.acked.Load())
}
