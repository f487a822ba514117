package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/simples-go/sessions/session/store"
)

func raceRules() []rule {
	return []rule{
		{
			name: "parallel saves of different keys lose nothing",
			text: "Connections that write different keys of one session lose nothing, and each save counts in the version.",
			test: differentKeys,
		},
		{
			name: "parallel increments count them all",
			text: "Increments by conditional saves that are tried again on ErrConflict add up.",
			test: conditionalIncrements,
		},
		{
			name: "a save beside a destroy brings nothing back",
			text: "However saves, touches and a Delete of one session meet, the session is gone afterwards.",
			test: saveAgainstDestroy,
		},
		{
			name: "a rotation beside saves and loads",
			text: "At no instant do both hashes open the row, or neither; what the old one has saved is kept, with the data of the rotation.",
			test: rotateAgainstSave,
		},
		{
			name: "of two rotations one wins",
			text: "Of parallel rotations from the same secret one succeeds, and its secret alone opens the row.",
			test: rotateAgainstRotate,
		},
		{
			name: "a clear beside a set",
			text: "Clear and Set of one session are each applied whole, one after the other.",
			test: clearAgainstSet,
		},
		{
			name: "parallel touches and saves keep both",
			text: "A touch beside saves loses no data and never takes the expiry back.",
			test: touchAgainstSave,
		},
	}
}

func differentKeys(e *env) {
	const writers, each = 8, 12
	ref := e.created(store.Change{})
	var mu sync.Mutex
	seen := map[int64]bool{}
	e.parallel(writers, func(w int) {
		for i := range each {
			saved, err := e.Store.Save(e.ctx, ref, set(fmt.Sprintf("%d/%d", w, i), strconv.Itoa(i)))
			if err != nil {
				e.Errorf("Save: %v", err)
				return
			}
			mu.Lock()
			if !saved.Folded && seen[saved.Version] {
				e.Errorf("two saves that were not folded have both made version %d", saved.Version)
			}
			seen[saved.Version] = true
			mu.Unlock()
		}
	})
	r := e.load(ref)
	if n := len(e.entries(r.Data)); n != writers*each || r.Version != writers*each+1 {
		e.Errorf("%d keys at version %d are left of %d saves", n, r.Version, writers*each)
	}
}

func number(data []byte, key string) int {
	var m map[string]json.RawMessage
	if json.Unmarshal(data, &m) != nil {
		return -1
	}
	n, err := strconv.Atoi(string(m[key]))
	if err != nil {
		return -1
	}
	return n
}

func increment(r store.Record) store.Change {
	return set("n", strconv.Itoa(number(r.Data, "n")+1))
}

// incrementOnce adds one by conditional saves, however many it takes.
func (e *env) incrementOnce(ref store.Ref) error {
	for {
		r, err := e.Store.Load(e.ctx, ref)
		if err != nil {
			return err
		}
		change := increment(r)
		change.IfVersion = r.Version
		saved, err := e.Store.Save(e.ctx, ref, change)
		if err == nil && (saved.Folded || saved.Version != r.Version+1) {
			return fmt.Errorf("a conditional save upon version %d returned %+v", r.Version, saved)
		}
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

func conditionalIncrements(e *env) {
	const callers, each = 8, 8
	ref := e.created(set("n", `0`))
	e.parallel(callers, func(int) {
		for range each {
			if err := e.incrementOnce(ref); err != nil {
				e.Errorf("increment: %v", err)
				return
			}
		}
	})
	e.holds(ref, fmt.Sprintf(`{"n":%d}`, callers*each))
	if v := e.load(ref).Version; v != callers*each+1 {
		e.Errorf("version %d after %d increments", v, callers*each)
	}
}

func saveAgainstDestroy(e *env) {
	for range rounds(100) {
		ref := e.created(set("a", `1`))
		e.parallel(10, func(i int) {
			var err error
			switch i {
			case 0:
				_, err = e.Store.Touch(e.ctx, ref)
			case 5:
				if err := e.Store.Delete(e.ctx, ref); err != nil {
					e.Errorf("Delete: %v", err)
				}
			default:
				change := set(strconv.Itoa(i), `1`)
				change.Extend, change.Clear = i%2 == 0, i%3 == 0
				_, err = e.Store.Save(e.ctx, ref, change)
			}
			if err != nil {
				e.failed(err, store.ErrGone, ref, "a call beside the destroy")
			}
		})
		if e.refuses(ref, store.ErrGone); e.Failed() {
			return
		}
		e.absent(ref)
	}
}

// absent checks, if the store is an Inspector, that there is no row left.
func (e *env) absent(ref store.Ref) {
	e.Helper()
	if st, ok := e.Store.(store.Inspector); ok {
		rows, err := st.Inspect(e.ctx, []store.Handle{ref.Key})
		if e.must(err, "Inspect"); len(rows) != 0 {
			e.Errorf("the row is still there: %+v", rows[0])
		}
	}
}

func clearAgainstSet(e *env) {
	for range rounds(30) {
		ref := e.created(set("seed", `1`, "more", `2`))
		e.parallel(2, func(i int) {
			change := set("a", `1`, "b", `1`)
			if i == 0 {
				change = store.Change{Clear: true, Set: set("c", `1`).Set}
			}
			if _, err := e.Store.Save(e.ctx, ref, change); err != nil {
				e.Errorf("Save: %v", err)
			}
		})
		r := e.load(ref)
		m := e.entries(r.Data)
		_, a := m["a"]
		_, b := m["b"]
		_, c := m["c"]
		if a != b || !c || m["seed"] != nil || m["more"] != nil || r.Version != 3 {
			e.Errorf("a clear with c beside a set of a and b has left %s at version %d", r.Data, r.Version)
		}
	}
}

func touchAgainstSave(e *env) {
	ref := e.created(set("n", `0`))
	for range rounds(10) {
		e.Advance(idle / 8)
		e.parallel(6, func(i int) {
			var err error
			switch {
			case i%2 == 0:
				_, err = e.Store.Touch(e.ctx, ref)
			default:
				err = e.incrementOnce(ref)
			}
			if err != nil {
				e.Errorf("%v", err)
			}
		})
		if r := e.load(ref); r.ExpiresAt.Sub(r.Now) < idle-e.policy.Step {
			e.Errorf("after a touch the session expires in %v", r.ExpiresAt.Sub(r.Now))
		}
	}
	e.holds(ref, fmt.Sprintf(`{"n":%d}`, 3*rounds(10)))
}
