package storetest

import (
	"github.com/simples-go/sessions/session/store"
)

func inspectorRules() []rule {
	return []rule{
		{
			name: "an inspection shows the rows that exist", needs: Inspector,
			text: "Inspect returns of the given keys those that have a row, with all of a Load but the data.",
			test: inspects,
		},
		{
			name: "an inspection shows the dead too", needs: Inspector,
			text: "Inspect returns expired and rotated rows, and leaves out what was destroyed or never was.",
			test: inspectsDead,
		},
		{
			name: "many rows are inspected at once", needs: Inspector,
			text: "Inspect takes any number of keys, none included.",
			test: inspectsMany,
		},
	}
}

func (e *env) inspect(keys ...store.Handle) map[store.Handle]store.Record {
	e.Helper()
	rows, err := e.Store.(store.Inspector).Inspect(e.ctx, keys)
	e.must(err, "Inspect")
	found := map[store.Handle]store.Record{}
	for _, r := range rows {
		if len(r.Data) != 0 {
			e.Errorf("an inspected row has data: %s", r.Data)
		}
		e.wholeMilliseconds(r.CreatedAt, r.ExpiresAt, r.RotatedAt, r.Now)
		found[r.Key] = r
	}
	if len(found) != len(rows) {
		e.Errorf("%d rows for %d sessions", len(rows), len(found))
	}
	return found
}

func inspects(e *env) {
	ref := e.created(attributed())
	ref = e.rotate(ref, store.Change{})
	want := e.load(ref)
	got, ok := e.inspect(ref.Key)[ref.Key]
	if !ok {
		e.Fatal("the row was not found")
	}
	e.same(got, want, "an inspection is not what was loaded")
	if got.Now.Before(want.Now) {
		e.Errorf("inspected at %v, loaded at %v", got.Now, want.Now)
	}
}

func inspectsDead(e *env) {
	expired := e.created(set("a", `1`))
	e.Advance(idle)
	alive, destroyed := e.created(set("a", `1`)), e.created(set("a", `1`))
	e.delete(destroyed)
	found := e.inspect(expired.Key, alive.Key, destroyed.Key, e.ref().Key)
	r, ok := found[expired.Key]
	if _, living := found[alive.Key]; !ok || !living || len(found) != 2 {
		e.Fatalf("found %v, want the expired row and the live one", found)
	}
	if r.Now.Before(r.ExpiresAt) {
		e.Errorf("the expired row expires at %v, now is %v", r.ExpiresAt, r.Now)
	}
}

func inspectsMany(e *env) {
	const n = 1200
	keys := make([]store.Handle, n)
	e.parallel(8, func(w int) {
		for i := w; i < n; i += 8 {
			ref := e.ref()
			keys[i] = ref.Key
			if i%2 != 0 {
				continue
			}
			if _, err := e.Store.Create(e.ctx, ref, store.Change{}); err != nil {
				e.Errorf("Create: %v", err)
			}
		}
	})
	if found := e.inspect(keys...); len(found) != n/2 {
		e.Errorf("found %d rows, want %d", len(found), n/2)
	}
	if found := e.inspect(); len(found) != 0 {
		e.Errorf("found %d rows among no keys", len(found))
	}
}
