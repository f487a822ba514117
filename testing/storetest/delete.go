package storetest

import (
	"github.com/simples-go/sessions/session/store"
)

func deleteRules() []rule {
	return []rule{
		{
			name: "destroyed is final",
			text: "After a Delete, Load, Save and Touch are ErrGone, whatever the save asks for.",
			test: destroyedIsFinal,
		},
		{
			name: "a delete may be repeated",
			text: "Delete of a row that is not there, or no more, is no error.",
			test: deleteIdempotent,
		},
		{
			name: "a delete removes expired rows",
			text: "Delete removes the row itself, also if it had expired, so that its key is free.",
			test: deleteExpired,
		},
		{
			name: "a delete removes one row",
			text: "Other sessions stay.",
			test: deleteOne,
		},
	}
}

func destroyedIsFinal(e *env) {
	ref := e.created(set("a", `1`))
	e.delete(ref)
	changes := []store.Change{
		{}, set("a", `2`), {Clear: true}, {Extend: true}, {Renew: true}, {Idle: ptr(2 * idle)}, {Rotate: ptr(ref.Hash)},
		{Owner: ptr("anna")}, {IfVersion: 1}, {IfVersion: 2},
	}
	for _, change := range changes {
		_, err := e.Store.Save(e.ctx, ref, change)
		e.failed(err, store.ErrGone, ref, "Save")
	}
	e.refuses(ref, store.ErrGone)
}

func deleteIdempotent(e *env) {
	ref := e.created(set("a", `1`))
	for range 3 {
		e.delete(ref)
	}
	e.delete(e.ref())
}

func deleteExpired(e *env) {
	ref := e.created(set("a", `1`))
	e.Advance(2 * idle)
	e.delete(ref)
	e.create(ref, set("b", `2`))
	e.holds(ref, `{"b":2}`)
}

func deleteOne(e *env) {
	ref, other := e.created(set("a", `1`)), e.created(set("b", `2`))
	e.delete(ref)
	e.refuses(ref, store.ErrGone)
	e.holds(other, `{"b":2}`)
}
