package storetest

import (
	"encoding/json"
	"strconv"

	"github.com/simples-go/sessions/session/store"
)

func rotateAgainstSave(e *env) {
	for range rounds(20) {
		if newRotationRace(e).run(); e.Failed() {
			return
		}
	}
}

// rotationRace has savers and watchers at work on one row while it is rotated.
type rotationRace struct {
	*env
	old, next store.Ref
	saving    chan struct{} // each saver sends once it has saved
	acked     [savers]int   // of each saver, the last number that was saved
}

const savers = 4

func newRotationRace(e *env) *rotationRace {
	race := &rotationRace{env: e, old: e.created(store.Change{}), saving: make(chan struct{}, savers)}
	race.next = race.old
	race.next.Hash = newHash()
	return race
}

func (race *rotationRace) run() {
	race.parallel(savers+5, func(i int) {
		switch {
		case i < savers:
			race.saveOn(i)
		case i == savers:
			race.rotate()
		case i%2 == 0:
			race.watchOld()
		default:
			race.watchNew()
		}
	})
	entries := race.entries(race.load(race.next).Data)
	for i, n := range race.acked {
		if got := string(entries[strconv.Itoa(i)]); got != strconv.Itoa(n) {
			race.Errorf("the last save before the rotation was of %d, the row has %s", n, got)
		}
	}
}

func (race *rotationRace) saveOn(i int) {
	for n := 1; ; n++ {
		_, err := race.Store.Save(race.ctx, race.old, set(strconv.Itoa(i), strconv.Itoa(n)))
		if n == 1 {
			race.saving <- struct{}{}
		}
		if err != nil {
			race.failed(err, store.ErrRotated, race.old, "Save with the old secret")
			return
		}
		race.acked[i] = n
	}
}

func (race *rotationRace) rotate() {
	for range savers {
		<-race.saving
	}
	change := set("rotated", `true`)
	change.Rotate = &race.next.Hash
	if _, err := race.Store.Save(race.ctx, race.old, change); err != nil {
		race.Errorf("Save with Rotate: %v", err)
	}
}

// watchOld waits until the old secret is refused: from then on the new one must open the row.
func (race *rotationRace) watchOld() {
	for {
		if _, err := race.Store.Load(race.ctx, race.old); err != nil {
			race.failed(err, store.ErrRotated, race.old, "Load with the old secret")
			break
		}
	}
	r, err := race.Store.Load(race.ctx, race.next)
	if err != nil {
		race.Errorf("neither secret opens the row: %v", err)
	} else if same, _ := EqualJSON(fieldOf(r.Data, "rotated"), []byte("true")); !same {
		race.Errorf("the secret was rotated before the data: %s", r.Data)
	}
}

// watchNew waits until the new secret opens the row: from then on the old one must not.
func (race *rotationRace) watchNew() {
	for race.ctx.Err() == nil {
		if _, err := race.Store.Load(race.ctx, race.next); err == nil {
			break
		}
	}
	_, err := race.Store.Load(race.ctx, race.old)
	race.failed(err, store.ErrRotated, race.old, "Load with the old secret after the new one opened the row")
}

func fieldOf(data []byte, key string) []byte {
	var m map[string]json.RawMessage
	if json.Unmarshal(data, &m) != nil || m[key] == nil {
		return []byte("null")
	}
	return m[key]
}

func rotateAgainstRotate(e *env) {
	for range rounds(20) {
		ref := e.created(set("a", `1`))
		names := make([]store.Ref, 6)
		won := make([]bool, len(names))
		e.parallel(len(names), func(i int) {
			names[i] = ref
			names[i].Hash = newHash()
			_, err := e.Store.Save(e.ctx, ref, store.Change{Rotate: &names[i].Hash})
			if won[i] = err == nil; err != nil {
				e.failed(err, store.ErrRotated, ref, "Save with Rotate")
			}
		})
		winners := 0
		for i, name := range names {
			_, err := e.Store.Load(e.ctx, name)
			if won[i] != (err == nil) {
				e.Errorf("rotated: %v; a load with that secret: %v", won[i], err)
			}
			if won[i] {
				winners++
			}
		}
		if winners != 1 {
			e.Errorf("%d rotations from one secret succeeded", winners)
		}
	}
}
