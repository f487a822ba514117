package storetest

import (
	"github.com/simples-go/sessions/session/store"
)

func loadRules() []rule {
	return []rule{
		{
			name: "a load returns what was stored",
			text: "Load returns every field of the row, the realm perhaps left out, and the store's clock in Now; a new row has version 1.",
			test: loadReturnsAll,
		},
		{
			name: "what is unknown is gone",
			text: "Load, Save and Touch of a session that does not exist are ErrGone; Delete of it is no error.",
			test: unknownIsGone,
		},
		{
			name: "a row answers only to its own secret",
			text: "A store answers for a row only if both Key and Hash are the row's; Delete with another hash deletes nothing.",
			test: onlyOwnSecret,
		},
		{
			name: "a load changes nothing",
			text: "Load leaves version, times and data as they are.",
			test: loadChangesNothing,
		},
		{
			name: "a store keeps its own copy",
			text: "What the caller does to its values after a Create or Save has returned does not reach the stored session.",
			test: storeKeepsCopy,
		},
		{
			name: "corrupt data is an error of its own",
			text: "Load and Save of a row whose data is no JSON object are ErrCorrupt; Touch works, and Delete removes it.",
			test: corruptRow,
		},
	}
}

func loadReturnsAll(e *env) {
	for _, change := range []store.Change{set("a", `1`, "b", `{"c":[true,null]}`), attributed()} {
		ref := e.ref()
		saved := e.create(ref, change)
		r := e.load(ref)
		want, err := store.NewRecord(ref, change, saved.Now)
		e.must(err, "NewRecord")
		e.same(r, want, "a load is not what was stored")
		e.sameData(r.Data, string(want.Data))
		if r.Now.Before(r.CreatedAt) || r.Realm != "" && r.Realm != ref.Policy.Realm {
			e.Errorf("created at %v in %q, loaded at %v from %q", r.CreatedAt, ref.Policy.Realm, r.Now, r.Realm)
		}
	}
}

func unknownIsGone(e *env) {
	e.created(set("a", `1`))
	ref := e.ref()
	e.refuses(ref, store.ErrGone)
	e.delete(ref)
	e.refuses(ref, store.ErrGone)
}

func onlyOwnSecret(e *env) {
	ref, other := e.created(set("a", `1`)), e.created(set("b", `2`))
	before := e.load(ref)
	near := ref.Hash
	near[31] ^= 1
	for _, hash := range []store.Hash{{}, newHash(), near, other.Hash} {
		wrong := ref
		wrong.Hash = hash
		e.refuses(wrong, store.ErrGone)
		e.delete(wrong)
	}
	e.unchanged(ref, before)
	e.holds(other, `{"b":2}`)
}

func loadChangesNothing(e *env) {
	ref := e.created(set("a", `1`))
	before := e.load(ref)
	for range 3 {
		e.unchanged(ref, before)
	}
}

func storeKeepsCopy(e *env) {
	ref := e.ref()
	first, second := set("a", `"one"`), set("b", `"two"`)
	e.create(ref, first)
	e.save(ref, second)
	copy(first.Set["a"], `"XXX"`)
	copy(second.Set["b"], `"XXX"`)
	first.Set["c"] = nil
	e.holds(ref, `{"a":"one","b":"two"}`)
}

func corruptRow(e *env) {
	if e.Corrupt == nil {
		e.Log("the store cannot hold corrupt data")
		return
	}
	for _, data := range []string{`null`, `[]`, `"x"`, `1`} {
		ref := e.created(set("a", `1`))
		e.Corrupt(ref.Key, data)
		_, err := e.Store.Load(e.ctx, ref)
		e.failed(err, store.ErrCorrupt, ref, "Load of "+data)
		_, err = e.Store.Save(e.ctx, ref, set("b", `2`))
		e.failed(err, store.ErrCorrupt, ref, "Save over "+data)
		e.touch(ref)
		e.delete(ref)
		e.refuses(ref, store.ErrGone)
	}
}
