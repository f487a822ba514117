package sqlite

import (
	"runtime"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

// allocated returns how many bytes fn allocates.
func allocated(fn func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	fn()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// An owner with large sessions costs a list what it shows, and a login next to nothing.
func TestListsAndLimitsDoNotReadWholeSessions(t *testing.T) {
	const sessions, large = 12, 1 << 20
	s := open(t, newPath(t))
	owner := "ann"
	for range sessions {
		change := set("large", `"`+strings.Repeat("x", large-100)+`"`)
		change.Set["agent"], change.Owner = []byte(`"Firefox"`), &owner
		created(t, s, change)
	}
	find := func(keys ...string) uint64 {
		return allocated(func() {
			found, err := s.Find(t.Context(), store.Selector{Owner: owner}, keys, newRef().Policy)
			if err != nil || len(found) != sessions {
				t.Errorf("%d found, %v", len(found), err)
			}
			for _, r := range found {
				if want := map[bool]string{true: `{"agent":"Firefox"}`, false: `{}`}[len(keys) > 0]; string(r.Data) != want {
					t.Errorf("the list shows %.50s", r.Data)
				}
			}
		})
	}
	if n := find(); n > large {
		t.Errorf("a list without entries has allocated %d bytes", n)
	}
	if n := find("agent"); n > sessions*large*3/2 {
		t.Errorf("a list of one small entry of each has allocated %d bytes for sessions of %d", n, sessions*large)
	}
	ref := newRef()
	ref.Policy.Owner = store.OwnerLimit{Max: sessions, EndOldest: true}
	n := allocated(func() {
		saved, err := s.Create(t.Context(), ref, store.Change{Owner: &owner})
		if err != nil || len(saved.Ended) != 1 {
			t.Errorf("%d ended, %v", len(saved.Ended), err)
		}
	})
	if n > large {
		t.Errorf("a login under a limit has allocated %d bytes", n)
	}
}

func BenchmarkFindLarge(b *testing.B) {
	s := open(b, newPath(b))
	owner := "ann"
	for range 150 {
		change := set("large", `"`+strings.Repeat("x", 1<<20-100)+`"`)
		change.Set["agent"], change.Owner = []byte(`"Firefox"`), &owner
		created(b, s, change)
	}
	for _, keys := range [][]string{nil, {"agent"}} {
		b.Run(strings.Join(append([]string{"keys"}, keys...), "="), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Find(b.Context(), store.Selector{Owner: owner}, keys, newRef().Policy); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	ref := newRef()
	ref.Policy.Owner = store.OwnerLimit{Max: 150, EndOldest: true}
	b.Run("limit", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ref.Key = newRef().Key
			if _, err := s.Create(b.Context(), ref, store.Change{Owner: &owner}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
