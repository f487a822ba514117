package storetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/simples-go/sessions/session/store"
)

func saveRules() []rule {
	return []rule{
		{
			name: "a save merges by top-level key",
			text: "Save puts the keys of Set in, takes those of Delete out and leaves all others alone; a value is replaced whole.",
			test: saveMerges,
		},
		{
			name: "null is a value",
			text: "A key set to null is there; only Delete takes a key out.",
			test: saveNull,
		},
		{
			name: "a clear removes every key",
			text: "Clear empties the row, keys that the caller has never seen included, and Set is applied after it.",
			test: saveClears,
		},
		{
			name: "any key goes",
			text: "A key is any text but U+0000: quotes, dots, dollars, brackets, backslashes, and none at all.",
			test: saveAnyKey,
		},
		{
			name: "ten thousand keys go",
			text: "The number of keys is bounded by the size of the data alone.",
			test: saveManyKeys,
		},
		{
			name: "a save only updates",
			text: "Save never brings a row into being: what is destroyed stays destroyed.",
			test: saveOnlyUpdates,
		},
		{
			name: "a save says what the row has become",
			text: "Saved has version, creation and expiry as the row has them, and the store's clock.",
			test: saveSaved,
		},
		{
			name: "an owner is set and taken away",
			text: "Owner nil leaves the row's owner, a text sets it, an empty one takes it away.",
			test: saveOwner,
		},
		{
			name: "all of a change takes effect at once",
			text: "Data, secret, timeouts, owner and renewal of one Change are applied in one step.",
			test: saveAllAtOnce,
		},
	}
}

func saveMerges(e *env) {
	ref := e.created(set("a", `1`, "b", `{"x":1,"y":{"z":2}}`, "c", `[1,2,3]`))
	change := set("b", `{"x":2}`, "d", `"new"`)
	change.Delete = []string{"c", "missing"}
	e.save(ref, change)
	e.holds(ref, `{"a":1,"b":{"x":2},"d":"new"}`)
	e.save(ref, store.Change{})
	e.holds(ref, `{"a":1,"b":{"x":2},"d":"new"}`)
}

func saveNull(e *env) {
	ref := e.created(set("a", `null`, "b", `1`))
	e.save(ref, set("b", `null`, "c", `{"d":null}`))
	e.holds(ref, `{"a":null,"b":null,"c":{"d":null}}`)
}

func saveClears(e *env) {
	ref := e.created(set("a", `1`, "b", `2`))
	e.save(ref, set("unseen", `3`))
	change := set("b", `4`)
	change.Clear = true
	e.save(ref, change)
	e.holds(ref, `{"b":4}`)
	e.save(ref, store.Change{Clear: true, Delete: []string{"b"}})
	e.holds(ref, `{}`)
}

// Keys returns keys that stores have stumbled over.
func Keys() []string {
	return []string{
		"", " ", "a.b", ".", "$", "$.a", "$.\"a\"", "[0]", "a[0]", "a[0].b", "[*]", "#", "a\"b", "\"", "\"\"", "'", "''", "\\", "\\\\",
		"\\\"", "\\u0000", "a\\", "`", "%", "%s", "_", "?", "$1", ":a", "@a", "--", "/*", ";", "{", "}", "{}", "null", "0", "-1", "1e3",
		"__proto__", "constructor", "toString", "é", "e\u0301", "ключ", "鍵", "😀", "\u2028", "\u00a0", "\ufeff", "\ufffd", "\uffff",
		"\n", "\r\n", "\t", "\x01", "\x1f", "\x7f", "A", "a", "a ", "\U0010ffff",
	}
}

func saveAnyKey(e *env) {
	ref := e.created(store.Change{})
	want := map[string]int{}
	for i, key := range Keys() {
		e.save(ref, set(key, fmt.Sprint(i)))
		want[key] = i
	}
	e.holds(ref, text(want))
	for i, key := range Keys() {
		if i%2 == 0 {
			e.save(ref, store.Change{Delete: []string{key}})
			delete(want, key)
		} else {
			e.save(ref, set(key, fmt.Sprint(-i)))
			want[key] = -i
		}
	}
	e.holds(ref, text(want))
	e.save(ref, store.Change{Delete: slices.Collect(maps.Keys(want))})
	e.holds(ref, `{}`)
}

func saveManyKeys(e *env) {
	const n = 10_000
	all := store.Change{Set: map[string]json.RawMessage{}}
	want := map[string]int{}
	for i := range n {
		key := fmt.Sprintf("key %d", i)
		all.Set[key], want[key] = json.RawMessage(fmt.Sprint(i)), i
	}
	ref := e.created(all)
	e.holds(ref, text(want))
	half := set("key 1", `-1`)
	want["key 1"] = -1
	for i := 0; i < n; i += 2 {
		key := fmt.Sprintf("key %d", i)
		half.Delete = append(half.Delete, key)
		delete(want, key)
	}
	e.save(ref, half)
	e.holds(ref, text(want))
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func saveOnlyUpdates(e *env) {
	ref := e.created(set("a", `1`))
	e.delete(ref)
	change := store.Change{
		Clear: true, Set: set("a", `2`).Set, Rotate: ptr(newHash()), Renew: true, Extend: true,
		Idle: ptr(2 * idle), Absolute: ptr(absolute), Owner: ptr("anna"),
	}
	_, err := e.Store.Save(e.ctx, ref, change)
	e.failed(err, store.ErrGone, ref, "Save")
	e.refuses(ref, store.ErrGone)
	rotated := ref
	rotated.Hash = *change.Rotate
	e.refuses(rotated, store.ErrGone)
}

func saveSaved(e *env) {
	ref := e.created(set("a", `1`))
	saved := e.save(ref, set("b", `2`))
	r := e.load(ref)
	if saved.Version != 2 || r.Version != 2 || !saved.CreatedAt.Equal(r.CreatedAt) || !saved.ExpiresAt.Equal(r.ExpiresAt) {
		e.Errorf("Save returned %+v, Load then %+v", saved, r)
	}
	if saved.Now.Before(saved.CreatedAt) || saved.Now.After(r.Now) {
		e.Errorf("the save's clock %v is not between the creation's %v and the load's %v", saved.Now, saved.CreatedAt, r.Now)
	}
	if saved.Folded || len(saved.Ended) != 0 {
		e.Errorf("a save by itself is neither folded nor does it end sessions: %+v", saved)
	}
}

func saveOwner(e *env) {
	ref := e.created(store.Change{})
	for _, step := range []struct {
		owner *string
		want  string
	}{{nil, ""}, {ptr("anna"), "anna"}, {nil, "anna"}, {ptr("o'brien\"\\ü"), "o'brien\"\\ü"}, {ptr(""), ""}, {nil, ""}} {
		e.save(ref, store.Change{Owner: step.owner})
		if r := e.load(ref); r.Owner != step.want {
			e.Errorf("the owner is %q, want %q", r.Owner, step.want)
		}
	}
}

func saveAllAtOnce(e *env) {
	ref := e.created(set("a", `1`, "b", `2`))
	e.Advance(idle / 2)
	change := set("c", `3`)
	change.Delete = []string{"a"}
	change.Rotate, change.Owner = ptr(newHash()), ptr("anna")
	change.Idle, change.Absolute, change.Renew = ptr(3*idle), ptr(2*absolute), true
	saved := e.save(ref, change)
	next := ref
	next.Hash = *change.Rotate
	r := e.load(next)
	e.sameData(r.Data, `{"b":2,"c":3}`)
	if r.Version != 2 || r.Owner != "anna" || r.Timeouts != (store.Timeouts{Idle: 3 * idle, Absolute: 2 * absolute}) {
		e.Errorf("got %+v", r)
	}
	if !r.CreatedAt.Equal(saved.Now) || !r.RotatedAt.Equal(saved.Now) || !r.ExpiresAt.Equal(saved.Now.Add(3*idle)) {
		e.Errorf("created %v, rotated %v, expires %v; saved at %v", r.CreatedAt, r.RotatedAt, r.ExpiresAt, saved.Now)
	}
}
