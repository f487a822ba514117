package drive

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/wire"
)

// tab is one of a browser's, which does one thing at a time.
type tab struct {
	*life
	client int
	rnd    *rand.Rand
}

// keys are what is set and deleted; n is only counted, and what leaves x arrives at y.
var keys = []string{"a", "b", "c"}

func (t *tab) browse(actions int) {
	if t.short {
		actions += 6
	}
	for range actions {
		if t.over() {
			t.ask(exchange{}) // nothing comes back
			return
		}
		if t.Think > 0 {
			time.Sleep(time.Duration(t.rnd.Int64N(int64(t.Think))))
		}
		t.act()
		if t.short {
			time.Sleep(time.Duration(t.rnd.IntN(250)) * time.Millisecond)
		}
	}
}

// act does something at random.
func (t *tab) act() {
	for n, which := t.rnd.IntN(total), 0; ; which++ {
		if n -= actions[which].weight; n < 0 {
			actions[which].do(t)
			return
		}
	}
}

// actions are what a tab does, and how often. Ordinary requests have a script.
var actions []struct {
	weight int
	do     func(*tab)
}

var total int

func init() {
	add := func(weight int, do func(*tab)) {
		actions = append(actions, struct {
			weight int
			do     func(*tab)
		}{weight, do})
		total += weight
	}
	scripted := func(weight int, script func(*tab) []wire.Step) {
		add(weight, func(t *tab) { t.ask(exchange{steps: script(t)}) })
	}
	scripted(18, func(*tab) []wire.Step { return nil })
	scripted(26, (*tab).changes)
	scripted(10, (*tab).count)
	scripted(8, (*tab).transfer)
	scripted(8, (*tab).middle)
	scripted(5, func(t *tab) []wire.Step { return append(t.changes(), wire.Step{Do: wire.Rotate}) })
	add(3, (*tab).signIn)
	scripted(2, func(*tab) []wire.Step { return []wire.Step{{Do: wire.Touch}} })
	scripted(2, func(t *tab) []wire.Step { return append(t.changes(), wire.Step{Do: wire.Panic}) })
	scripted(2, func(*tab) []wire.Step { return []wire.Step{{Do: wire.Destroy}} })
	add(6, func(t *tab) { t.ask(exchange{token: t.oldCookie(t.rnd), steps: t.maybeChanges()}) })
	add(2, func(t *tab) { t.ask(exchange{steps: t.changes(), cancel: t.Cancel}) })
	add(6, (*tab).socket)
	add(1, (*tab).revoke)
	add(1, func(t *tab) { t.list(t.owner()) })
}

func (t *tab) key() string { return keys[t.rnd.IntN(len(keys))] }

// set sets a key to a number that nobody else sets.
func (t *tab) set() wire.Step { return wire.Step{Do: wire.Set, Key: t.key(), N: t.calls.Add(1)} }

func (t *tab) changes() []wire.Step {
	var steps []wire.Step
	for range 1 + t.rnd.IntN(3) {
		switch n := t.rnd.IntN(20); {
		case n < 15:
			steps = append(steps, t.set())
		case n < 19:
			steps = append(steps, wire.Step{Do: wire.Delete, Key: t.key()})
		default:
			steps = append(steps, wire.Step{Do: wire.Clear})
		}
	}
	return steps
}

func (t *tab) maybeChanges() []wire.Step {
	if t.rnd.IntN(2) == 0 {
		return nil
	}
	return t.changes()
}

func (t *tab) count() []wire.Step {
	return append(t.maybeChanges(), wire.Step{Do: wire.Add, Add: map[string]int64{"n": 1}})
}

func (t *tab) transfer() []wire.Step {
	n := 1 + t.rnd.Int64N(100)
	return []wire.Step{{Do: wire.Add, Add: map[string]int64{"x": -n, "y": n}}}
}

// middle saves and loads while the handler runs.
func (t *tab) middle() []wire.Step {
	steps := append(t.changes(), wire.Step{Do: wire.Save}, wire.Step{Do: wire.Pause, N: t.rnd.Int64N(4)}, wire.Step{Do: wire.Load})
	if t.rnd.IntN(3) == 0 {
		steps = append(steps, wire.Step{Do: wire.Rotate}, wire.Step{Do: wire.Save})
	}
	return append(steps, t.maybeChanges()...)
}

// signIn is a login, and a look at how many sessions the owner has then.
func (t *tab) signIn() {
	owner := t.owner()
	t.ask(exchange{steps: []wire.Step{{Do: wire.Login, Owner: owner}, t.set()}})
	if t.rnd.IntN(2) == 0 {
		t.list(owner)
	}
}

func (t *tab) owner() string { return fmt.Sprint(t.Owner, t.rnd.IntN(t.Owners)) }
