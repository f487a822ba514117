package storetest

import (
	"github.com/simples-go/sessions/session/store"
)

func versionRules() []rule {
	return []rule{
		{
			name: "each save raises the version by one",
			text: "Version is 1 after Create, and each Save raises it by one, whatever it changes.",
			test: versionRises,
		},
		{
			name: "a touch never raises the version",
			text: "Touch and Load leave the version.",
			test: touchKeepsVersion,
		},
		{
			name: "a conditional save finds its version or writes nothing",
			text: "With IfVersion, Save is ErrConflict unless it is the row's version, and then nothing of the change is written.",
			test: conditionalSave,
		},
		{
			name: "a dead session is gone, not in conflict",
			text: "A conditional Save of a session that is not there or not alive is ErrGone, not ErrConflict.",
			test: conditionalOnDead,
		},
	}
}

func versionRises(e *env) {
	ref := e.created(set("a", `1`))
	changes := []store.Change{
		set("b", `1`), {}, {Delete: []string{"missing"}}, {Clear: true}, {Owner: ptr("anna")}, {Idle: ptr(idle)},
		{Absolute: ptr(absolute)}, {Renew: true}, {Extend: true}, set("b", `1`), {Rotate: ptr(newHash())},
	}
	for i, change := range changes {
		if saved := e.save(ref, change); saved.Version != int64(i)+2 {
			e.Errorf("version %d after save %d, want %d", saved.Version, i+1, i+2)
		}
		if change.Rotate != nil {
			ref.Hash = *change.Rotate
		}
		if r := e.load(ref); r.Version != int64(i)+2 {
			e.Errorf("the row has version %d after save %d, want %d", r.Version, i+1, i+2)
		}
	}
}

func touchKeepsVersion(e *env) {
	ref := e.created(set("a", `1`))
	e.save(ref, set("a", `2`))
	e.Advance(idle / 2)
	for range 3 {
		if saved := e.touch(ref); saved.Version != 2 {
			e.Errorf("version %d after a touch, want 2", saved.Version)
		}
	}
	if r := e.load(ref); r.Version != 2 {
		e.Errorf("the row has version %d after touches, want 2", r.Version)
	}
}

func conditionalSave(e *env) {
	ref := e.created(set("a", `1`))
	e.save(ref, store.Change{Set: set("a", `2`).Set, IfVersion: 1})
	before := e.load(ref)
	next := newHash()
	for _, version := range []int64{1, 3, -1, 1 << 62} {
		change := set("a", `3`)
		change.Rotate, change.Owner, change.Idle = &next, ptr("anna"), ptr(2*idle)
		change.IfVersion = version
		_, err := e.Store.Save(e.ctx, ref, change)
		e.failed(err, store.ErrConflict, ref, "Save")
	}
	e.unchanged(ref, before)
	e.save(ref, store.Change{Set: set("a", `3`).Set, IfVersion: 2})
	e.holds(ref, `{"a":3}`)
}

func conditionalOnDead(e *env) {
	ref, expired := e.ref(), e.created(set("a", `1`))
	e.Advance(idle)
	for _, ref := range []store.Ref{ref, expired} {
		_, err := e.Store.Save(e.ctx, ref, store.Change{IfVersion: 7})
		e.failed(err, store.ErrGone, ref, "Save")
	}
}
