package storetest

import (
	"encoding/json"
	"strings"

	"github.com/simples-go/sessions/session/store"
)

func sizeRules() []rule {
	return []rule{
		{
			name: "the size limit holds to the byte",
			text: "Data of exactly Policy.MaxBytes, as session.Size counts, is stored; one byte more is ErrTooLarge, for Create and Save.",
			test: sizeToTheByte,
		},
		{
			name: "the merged data is what counts",
			text: "The limit holds for what the row would become: what is deleted or replaced does not count, what stays does.",
			test: sizeOfMerged,
		},
		{
			name: "a save that is too large writes nothing",
			text: "With ErrTooLarge neither data nor secret, owner, timeouts or version change, and no row comes into being.",
			test: tooLargeWritesNothing,
		},
		{
			name: "a lowered limit binds data alone",
			text: "A row that is larger than a limit set later can be loaded, touched, rotated, made smaller and deleted.",
			test: loweredLimit,
		},
		{
			name: "no limit is no limit",
			text: "MaxBytes 0 means that any size goes.",
			test: noLimit,
		},
	}
}

// shapes are data whose size comes out wrong if commas and colons in strings are counted, or characters in place of
// bytes.
func shapes() []store.Change {
	return []store.Change{
		set("a", `"x"`),
		set("a", `1`, "b", `[1,2,[3,4]]`, "c", `{"d":1,"e":{"f":[]}}`),
		set("a,b:c", `"1,2:3 , : \", \\"`, "k\"q", `["\"","\\",":,"]`),
		set("ключ", `"значение 😀"`, "é", `"\n\t\u0001"`),
		set("n", `12345678901234567890.5`, "z", `null`, "", `{}`),
		set("long", `"`+strings.Repeat("é", 3000)+`"`),
	}
}

func (e *env) size(ref store.Ref) int {
	e.Helper()
	n, err := store.Size(e.load(ref).Data)
	e.must(err, "Size")
	return n
}

func sizeToTheByte(e *env) {
	for _, shape := range shapes() {
		n := e.size(e.created(shape))
		exact, short := e.ref(), e.ref()
		exact.Policy.MaxBytes, short.Policy.MaxBytes = n, n-1
		e.create(exact, shape)
		_, err := e.Store.Create(e.ctx, short, shape)
		e.failed(err, store.ErrTooLarge, short, "Create one byte above the limit")

		ref := e.created(store.Change{})
		ref.Policy.MaxBytes = n - 1
		_, err = e.Store.Save(e.ctx, ref, shape)
		e.failed(err, store.ErrTooLarge, ref, "Save one byte above the limit")
		e.holds(ref, `{}`)
		ref.Policy.MaxBytes = n
		e.save(ref, shape)
	}
}

func sizeOfMerged(e *env) {
	ref := e.created(set("a", `"0123456789"`, "b", `"0123456789"`))
	ref.Policy.MaxBytes = e.size(ref)
	_, err := e.Store.Save(e.ctx, ref, set("c", `1`))
	e.failed(err, store.ErrTooLarge, ref, "Save of a further key")
	_, err = e.Store.Save(e.ctx, ref, set("a", `"0123456789+"`))
	e.failed(err, store.ErrTooLarge, ref, "Save of a longer value")
	e.save(ref, set("a", `"9876543210"`))
	e.save(ref, store.Change{Set: set("c", `"0123456789"`).Set, Delete: []string{"a"}})
	e.save(ref, store.Change{Set: set("d", `"0123456789"`, "e", `"0123456789"`).Set, Clear: true})
	e.holds(ref, `{"d":"0123456789","e":"0123456789"}`)
}

func tooLargeWritesNothing(e *env) {
	ref := e.created(set("a", `1`))
	ref.Policy.MaxBytes = 64
	before := e.load(ref)
	change := set("b", `"`+strings.Repeat("x", 64)+`"`)
	change.Rotate, change.Owner, change.Renew = ptr(newHash()), ptr("anna"), true
	change.Idle, change.Absolute, change.Delete = ptr(2*idle), ptr(2*absolute), []string{"a"}
	_, err := e.Store.Save(e.ctx, ref, change)
	e.failed(err, store.ErrTooLarge, ref, "Save")
	e.unchanged(ref, before)

	unborn := e.ref()
	unborn.Policy.MaxBytes = 64
	_, err = e.Store.Create(e.ctx, unborn, set("b", string(change.Set["b"])))
	e.failed(err, store.ErrTooLarge, unborn, "Create")
	e.refuses(unborn, store.ErrGone)
}

func loweredLimit(e *env) {
	ref := e.created(set("a", `"`+strings.Repeat("x", 200)+`"`, "b", `1`))
	ref.Policy.MaxBytes = 100
	e.load(ref)
	e.touch(ref)
	next := newHash()
	e.save(ref, store.Change{Rotate: &next})
	ref.Hash = next
	_, err := e.Store.Save(e.ctx, ref, store.Change{Delete: []string{"b"}})
	e.failed(err, store.ErrTooLarge, ref, "Save that leaves too much")
	e.save(ref, store.Change{Delete: []string{"a"}})
	e.holds(ref, `{"b":1}`)
	e.delete(ref)
}

func noLimit(e *env) {
	ref := e.created(store.Change{})
	ref.Policy.MaxBytes = 0
	big := `"` + strings.Repeat("x", 3<<20) + `"`
	e.save(ref, store.Change{Set: map[string]json.RawMessage{"big": json.RawMessage(big)}})
	e.holds(ref, `{"big":`+big+`}`)
}
