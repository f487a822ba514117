package store

import (
	"encoding/json"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
	"pgregory.net/rapid"
)

// Draws come from small pools, so that operations meet.

func drawKey(t *rapid.T) store.Handle {
	return store.Handle{byte(rapid.IntRange(1, 3).Draw(t, "row"))}
}

func drawHash(t *rapid.T) store.Hash {
	return store.Hash{byte(rapid.IntRange(1, 3).Draw(t, "hash"))}
}

// drawRef names a row, mostly by the secret that it has.
func (m *machine) drawRef(t *rapid.T) store.Ref {
	ref := store.Ref{Key: drawKey(t), Hash: drawHash(t), Policy: drawPolicy(t)}
	rows, err := m.a.Inspect(t.Context(), []store.Handle{ref.Key})
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) == 1 && rapid.IntRange(0, 4).Draw(t, "any hash") != 0 {
		ref.Hash = rows[0].Hash
	}
	return ref
}

// drawPolicy draws timeouts in whole minutes, as the steps of time are, so that the moments that pass between the same call
// on two stores never decide. The step, or its share of the longest timeout that a row gets of its own, is below a minute:
// a store may write what gains less, and another may not.
func drawPolicy(t *rapid.T) store.Policy {
	return store.Policy{
		Timeouts: store.Timeouts{
			Idle:     rapid.SampledFrom([]time.Duration{90 * time.Minute, 3 * time.Hour}).Draw(t, "idle"),
			Absolute: rapid.SampledFrom([]time.Duration{0, 3 * time.Hour, 24 * time.Hour}).Draw(t, "absolute"),
		},
		Step:     10 * time.Second,
		Grace:    rapid.SampledFrom([]time.Duration{0, 10 * time.Minute}).Draw(t, "grace"),
		MaxBytes: rapid.SampledFrom([]int{0, 40, 200, 1 << 20}).Draw(t, "size"),
		Owner:    drawLimit(t),
	}
}

func drawLimit(t *rapid.T) store.OwnerLimit {
	return store.OwnerLimit{Max: rapid.SampledFrom([]int{0, 1, 2}).Draw(t, "limit"), EndOldest: rapid.Bool().Draw(t, "end oldest")}
}

func drawChange(t *rapid.T) store.Change {
	c := store.Change{
		Clear:    rapid.IntRange(0, 5).Draw(t, "clear") == 0,
		Renew:    rapid.IntRange(0, 7).Draw(t, "renew") == 0,
		Extend:   rapid.Bool().Draw(t, "extend"),
		Idle:     maybe(t, "own idle", 0, 45*time.Minute, 5*time.Hour),
		Absolute: maybe(t, "own absolute", 0, 2*time.Hour, 30*time.Hour),
		Owner:    maybe(t, "owner", "", "anna", "bert"),
	}
	c.Set, c.Delete = drawEntries(t)
	if rapid.IntRange(0, 4).Draw(t, "rotate") == 0 {
		hash := drawHash(t)
		c.Rotate = &hash
	}
	if rapid.IntRange(0, 3).Draw(t, "conditional") == 0 {
		c.IfVersion = rapid.Int64Range(1, 6).Draw(t, "version")
	}
	return c
}

func drawEntries(t *rapid.T) (set map[string]json.RawMessage, del []string) {
	for _, key := range []string{"a", "", `b".c`, "é"} {
		switch rapid.IntRange(0, 3).Draw(t, "entry") {
		case 0:
			if set == nil {
				set = map[string]json.RawMessage{}
			}
			set[key] = json.RawMessage(rapid.SampledFrom(short()).Draw(t, "value"))
		case 1:
			del = append(del, key)
		}
	}
	return set, del
}

// short returns the canonical values of the table that are not long.
func short() []string {
	var out []string
	for _, v := range storetest.Values() {
		if !v.Refused() && len(v.Canonical) < 60 {
			out = append(out, v.Canonical)
		}
	}
	return out
}

// maybe draws nil more often than a value.
func maybe[T any](t *rapid.T, label string, values ...T) *T {
	if rapid.IntRange(0, 4).Draw(t, label+"?") > 1 {
		return nil
	}
	v := rapid.SampledFrom(values).Draw(t, label)
	return &v
}
