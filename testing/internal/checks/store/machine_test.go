package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
	"pgregory.net/rapid"
)

// TestStoresAgree draws operations and applies each to the memory store and to SQLite. What one answers, the other must
// answer; what one refuses, the other must refuse with the same error.
func TestStoresAgree(t *testing.T) {
	file := newSQLite(t)
	rapid.Check(t, func(rt *rapid.T) {
		file.clear()
		m := &machine{a: newMemory(), b: file}
		rt.Repeat(map[string]func(*rapid.T){
			"":        m.sameRows,
			"create":  m.create,
			"load":    m.load,
			"save":    m.save,
			"locked":  m.saveLocked,
			"touch":   m.touch,
			"touches": m.touchAll,
			"delete":  m.delete,
			"list":    m.list,
			"revoke":  m.revoke,
			"collect": m.collect,
			"wait":    m.wait,
		})
	})
}

// machine has two stores that have seen the same operations.
type machine struct{ a, b *subject }

// pass lets a minute pass, so that two sessions are never of the same age by one store alone.
func (m *machine) pass(d time.Duration) {
	m.a.advance(d)
	m.b.advance(d)
}

func (m *machine) wait(t *rapid.T) {
	m.pass(time.Duration(rapid.SampledFrom([]int{1, 4, 9, 60}).Draw(t, "minutes")) * time.Minute)
}

func (m *machine) create(t *rapid.T) {
	ref, change := m.drawRef(t), drawChange(t)
	change.IfVersion, change.Rotate = 0, nil
	a, errA := m.a.Create(t.Context(), ref, change)
	b, errB := m.b.Create(t.Context(), ref, change)
	sameError(t, errA, errB)
	sameSaved(t, a, b)
	m.pass(time.Minute)
}

func (m *machine) load(t *rapid.T) {
	ref := m.drawRef(t)
	a, errA := m.a.Load(t.Context(), ref)
	b, errB := m.b.Load(t.Context(), ref)
	if sameError(t, errA, errB); errA == nil {
		sameRecord(t, a, b)
	}
}

func (m *machine) save(t *rapid.T) {
	ref, change := m.drawRef(t), drawChange(t)
	a, errA := m.a.Save(t.Context(), ref, change)
	b, errB := m.b.Save(t.Context(), ref, change)
	sameError(t, errA, errB)
	sameSaved(t, a, b)
	m.pass(time.Minute)
}

func (m *machine) saveLocked(t *rapid.T) {
	ref, change := m.drawRef(t), drawChange(t)
	var refusal error
	if rapid.IntRange(0, 3).Draw(t, "refuse") == 0 {
		refusal = errors.New("refused")
	}
	var seen [2]store.Record
	lock := func(i int, s *subject) (store.Saved, error) {
		return s.SaveLocked(t.Context(), ref, func(r store.Record) (store.Change, error) {
			seen[i] = r
			return change, refusal
		})
	}
	a, errA := lock(0, m.a)
	b, errB := lock(1, m.b)
	sameError(t, errA, errB)
	sameSaved(t, a, b)
	sameRecord(t, seen[0], seen[1])
	m.pass(time.Minute)
}

func (m *machine) touch(t *rapid.T) {
	ref := m.drawRef(t)
	a, errA := m.a.Touch(t.Context(), ref)
	b, errB := m.b.Touch(t.Context(), ref)
	sameError(t, errA, errB)
	sameSaved(t, a, b)
}

func (m *machine) touchAll(t *rapid.T) {
	refs := rapid.SliceOfN(rapid.Custom(m.drawRef), 0, 6).Draw(t, "refs")
	sameError(t, m.a.TouchAll(t.Context(), refs), m.b.TouchAll(t.Context(), refs))
}

func (m *machine) delete(t *rapid.T) {
	ref := m.drawRef(t)
	sameError(t, m.a.Delete(t.Context(), ref), m.b.Delete(t.Context(), ref))
}

func (m *machine) list(t *rapid.T) {
	owner := rapid.SampledFrom([]string{"", "anna", "bert"}).Draw(t, "owner")
	keys := rapid.SliceOf(rapid.SampledFrom([]string{"a", "", "é", "none"})).Draw(t, "keys")
	policy := drawPolicy(t)
	a, errA := m.a.Find(t.Context(), store.Selector{Owner: owner}, keys, policy)
	b, errB := m.b.Find(t.Context(), store.Selector{Owner: owner}, keys, policy)
	sameError(t, errA, errB)
	sameRecords(t, a, b)
}

func (m *machine) revoke(t *rapid.T) {
	which := store.Selector{Owner: rapid.SampledFrom([]string{"", "anna", "bert"}).Draw(t, "owner")}
	if rapid.Bool().Draw(t, "by key") {
		which.Key = drawKey(t)
	}
	if rapid.Bool().Draw(t, "but one") {
		which.Except = drawKey(t)
	}
	a, errA := m.a.Revoke(t.Context(), which)
	b, errB := m.b.Revoke(t.Context(), which)
	if which.Owner == "" && which.Key.IsZero() {
		errA, errB = nil, nil // a store may refuse what names nothing
	}
	sameError(t, errA, errB)
	sameHandles(t, a, b)
}

func (m *machine) collect(t *rapid.T) {
	opts := store.CollectOptions{
		Batch:  rapid.IntRange(1, 4).Draw(t, "batch"),
		Keep:   time.Duration(rapid.SampledFrom([]int{0, 30}).Draw(t, "keep")) * time.Minute,
		DryRun: rapid.Bool().Draw(t, "dry"), Pause: -1,
	}
	a, errA := m.a.Collect(t.Context(), opts)
	b, errB := m.b.Collect(t.Context(), opts)
	sameError(t, errA, errB)
	if a.Deleted != b.Deleted || a.Stopped != b.Stopped || a.Remaining != b.Remaining {
		t.Fatalf("collected %+v and %+v", a, b)
	}
}

// sameRows compares every row, dead ones too, after each operation.
func (m *machine) sameRows(t *rapid.T) {
	var keys []store.Handle
	for i := range byte(6) {
		keys = append(keys, store.Handle{i})
	}
	a, errA := m.a.Inspect(t.Context(), keys)
	b, errB := m.b.Inspect(t.Context(), keys)
	sameError(t, errA, errB)
	byKey := func(a, b store.Record) int { return bytes.Compare(a.Key[:], b.Key[:]) }
	slices.SortFunc(a, byKey)
	slices.SortFunc(b, byKey)
	sameRecords(t, a, b)
}

func sameRecords(t *rapid.T, a, b []store.Record) {
	if len(a) != len(b) {
		t.Fatalf("%d and %d records", len(a), len(b))
	}
	for i := range a {
		sameRecord(t, a[i], b[i])
	}
}

func sameRecord(t *rapid.T, a, b store.Record) {
	if a.Key != b.Key || a.Hash != b.Hash || a.Version != b.Version || a.Owner != b.Owner || a.Timeouts != b.Timeouts {
		t.Fatalf("%+v\nand %+v", a, b)
	}
	sameTime(t, "created", a.CreatedAt, a.Now, b.CreatedAt, b.Now)
	sameTime(t, "expires", a.ExpiresAt, a.Now, b.ExpiresAt, b.Now)
	sameTime(t, "rotated", a.RotatedAt, a.Now, b.RotatedAt, b.Now)
	if len(a.Data) == 0 && len(b.Data) == 0 {
		return
	}
	if same, err := storetest.EqualJSON(a.Data, b.Data); err != nil || !same {
		t.Fatalf("data %s and %s (%v)", a.Data, b.Data, err)
	}
}

// tolerance is what may lie between the same call on two stores. It is far below the minutes that are drawn.
const tolerance = 10 * time.Second

func sameTime(t *rapid.T, what string, a, nowA, b, nowB time.Time) {
	if a.IsZero() || b.IsZero() {
		if a.IsZero() != b.IsZero() {
			t.Fatalf("%s %v and %v", what, a, b)
		}
		return
	}
	if d := a.Sub(nowA) - b.Sub(nowB); d.Abs() > tolerance {
		t.Fatalf("%s %v and %v from now on", what, a.Sub(nowA), b.Sub(nowB))
	}
}

func sameSaved(t *rapid.T, a, b store.Saved) {
	if a.Version != b.Version {
		t.Fatalf("versions %d and %d", a.Version, b.Version)
	}
	sameTime(t, "created", a.CreatedAt, a.Now, b.CreatedAt, b.Now)
	sameTime(t, "expires", a.ExpiresAt, a.Now, b.ExpiresAt, b.Now)
	sameHandles(t, a.Ended, b.Ended)
}

func sameHandles(t *rapid.T, a, b []store.Handle) {
	less := func(a, b store.Handle) int { return bytes.Compare(a[:], b[:]) }
	a, b = slices.SortedFunc(slices.Values(a), less), slices.SortedFunc(slices.Values(b), less)
	if !slices.Equal(a, b) {
		t.Fatalf("sessions %v and %v", a, b)
	}
}

func sameError(t *rapid.T, a, b error) {
	if class(a) != class(b) {
		t.Fatalf("errors %v and %v", a, b)
	}
}

// class names the contract's error that err is. ErrExpired counts as the ErrGone that it is.
func class(err error) string {
	if err == nil {
		return "none"
	}
	for _, sentinel := range []error{
		store.ErrRotated, store.ErrGone, store.ErrExists, store.ErrConflict, store.ErrTooLarge, store.ErrCorrupt,
		store.ErrOwnerLimit,
	} {
		if errors.Is(err, sentinel) {
			return sentinel.Error()
		}
	}
	return fmt.Sprint("other: ", err)
}
