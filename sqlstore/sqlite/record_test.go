package sqlite

import (
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A row is read as one value in which what is unset takes no room. Whatever is set comes back, and only that.
func TestRowsAreReadAsTheyWereWritten(t *testing.T) {
	s := open(t, newPath(t))
	idle, absolute, none := 90*time.Second, 7*time.Hour, time.Duration(0)
	for _, timeouts := range [][2]*time.Duration{{}, {&idle, nil}, {nil, &absolute}, {&idle, &absolute}, {&none, &none}} {
		for _, owner := range []string{"", "ann", ",", "7,{", "名,\t{}", strings.Repeat("o", 200)} {
			for _, rotate := range []bool{false, true} {
				change := set("user", `"1,2"`)
				change.Idle, change.Absolute, change.Owner = timeouts[0], timeouts[1], &owner
				checkRow(t, s, change, rotate)
			}
		}
	}
}

func checkRow(t *testing.T, s *Store, change store.Change, rotate bool) {
	t.Helper()
	ref := created(t, s, change)
	if rotate {
		next := newRef().Hash
		if _, err := s.Save(t.Context(), ref, store.Change{Rotate: &next}); err != nil {
			t.Fatal(err)
		}
		ref.Hash = next
	}
	r, err := s.Load(t.Context(), ref)
	if err != nil {
		t.Fatalf("%+v: %v", change, err)
	}
	if string(r.Data) != `{"user":"1,2"}` {
		t.Errorf("data is %s", r.Data)
	}
	checkMeta(t, r, ref, change, rotate)

	found, err := s.Inspect(t.Context(), []store.Handle{ref.Key})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	if found[0].Data != nil {
		t.Errorf("a look brought data: %s", found[0].Data)
	}
	checkMeta(t, found[0], ref, change, rotate)
}

func checkMeta(t *testing.T, r store.Record, ref store.Ref, change store.Change, rotated bool) {
	t.Helper()
	var want store.Timeouts
	if change.Idle != nil {
		want.Idle = *change.Idle
	}
	if change.Absolute != nil {
		want.Absolute = *change.Absolute
	}
	if r.Key != ref.Key || r.Hash != ref.Hash || r.Owner != *change.Owner || r.Timeouts != want {
		t.Errorf("%+v was read for %+v", r, change)
	}
	if r.RotatedAt.IsZero() == rotated || r.CreatedAt.IsZero() || !r.ExpiresAt.After(r.CreatedAt) {
		t.Errorf("rotated %v, created %v, expires %v", r.RotatedAt, r.CreatedAt, r.ExpiresAt)
	}
}

func TestARowOfAnotherFormIsNoSession(t *testing.T) {
	hash := strings.Repeat("h", len(store.Hash{}))
	for _, packed := range []string{"", "short", hash, hash + "1", hash + "1,2,3,,,", hash + "1,x,3,,,,0,{}",
		hash + "1,2,3,,,,9,{}", hash + "1,2,3,,,,-1,{}", hash + "1,2,3,,,,99999999999999999999,{}"} {
		var r store.Record
		if err := unpack([]byte(packed), &r); err == nil {
			t.Errorf("%q was read as %+v", packed, r)
		}
	}
	if err := unpack(nil, new(store.Record)); err == nil {
		t.Error("nothing was read as a row")
	}
}
