package sqlite

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// A row is read as one value in which what is unset takes no room. Whatever is set comes back, and only that.
func TestRowsAreReadAsTheyWereWritten(t *testing.T) {
	s := open(t, newPath(t))
	idle, absolute, yes := 90*time.Second, 7*time.Hour, store.NonPersistent
	odd := []string{"", "ann", ",", "7,{", ".", "名,\t{}", strings.Repeat("o", 200)}
	for _, set := range []func(c *store.Change, value string){
		func(*store.Change, string) {},
		func(c *store.Change, _ string) { c.Idle = &idle },
		func(c *store.Change, _ string) { c.Absolute = &absolute },
		func(c *store.Change, _ string) { c.Persistence = &yes },
		func(c *store.Change, _ string) { c.Authenticate = true },
		func(c *store.Change, v string) { c.Owner = &v },
		func(c *store.Change, v string) { c.Tag = &v },
		func(c *store.Change, v string) { b := []byte(v); c.Device = &b },
		func(c *store.Change, v string) {
			b := []byte(v + "\x00\xff")
			c.Idle, c.Absolute, c.Persistence, c.Authenticate, c.Owner, c.Tag, c.Device = &idle, &absolute, &yes, true, &v, &v, &b
		},
	} {
		for _, value := range odd {
			for rotations := range 6 {
				checkRow(t, s, func(c *store.Change) { set(c, value) }, rotations)
			}
		}
	}
}

func checkRow(t *testing.T, s *Store, with func(*store.Change), rotations int) {
	t.Helper()
	ref := newRef()
	var change store.Change
	with(&change)
	change.Set = set("user", `"1,2"`).Set
	want, err := store.NewRecord(ref, change, now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), ref, change); err != nil {
		t.Fatal(err)
	}
	for range rotations {
		next := newRef().Hash
		rotation := store.Change{Rotate: &next}
		if _, err := s.Save(t.Context(), ref, rotation); err != nil {
			t.Fatal(err)
		}
		if err := rotation.Apply(&want, ref.Policy, now()); err != nil {
			t.Fatal(err)
		}
		ref.Hash = next
	}
	r, err := s.Load(t.Context(), ref)
	if err != nil {
		t.Fatalf("%+v: %v", want, err)
	}
	if string(r.Data) != `{"user":"1,2"}` {
		t.Errorf("data is %s", r.Data)
	}
	checkMeta(t, r, want)

	found, err := s.Inspect(t.Context(), []store.Handle{ref.Key})
	if err != nil || len(found) != 1 {
		t.Fatalf("%d found, %v", len(found), err)
	}
	if found[0].Data != nil {
		t.Errorf("an inspection brought data: %s", found[0].Data)
	}
	checkMeta(t, found[0], want)
}

// checkMeta compares all but the data. Times are those of two calls, close to each other.
func checkMeta(t *testing.T, got, want store.Record) {
	t.Helper()
	for what, pair := range map[string][2]time.Time{
		"created": {got.CreatedAt, want.CreatedAt}, "accessed": {got.AccessedAt, want.AccessedAt},
		"expires": {got.ExpiresAt, want.ExpiresAt}, "rotated": {got.RotatedAt, want.RotatedAt},
		"authenticated": {got.AuthenticatedAt, want.AuthenticatedAt},
	} {
		if pair[0].IsZero() != pair[1].IsZero() || pair[0].Sub(pair[1]).Abs() > time.Minute {
			t.Errorf("%s %v, want %v", what, pair[0], pair[1])
		}
	}
	if got.Key != want.Key || got.Hash != want.Hash || got.Version != want.Version || !slices.Equal(got.Former, want.Former) ||
		got.Timeouts != want.Timeouts || got.Persistence != want.Persistence || got.Owner != want.Owner ||
		got.Tag != want.Tag || !bytes.Equal(got.Device, want.Device) {
		t.Errorf("read was\n%+v, want\n%+v", got, want)
	}
}

func TestARowOfAnotherFormIsNoSession(t *testing.T) {
	hash := strings.Repeat("h", len(store.Hash{}))
	if err := unpack([]byte(hash+"1,2,3,4.{}"), new(store.Record)); err != nil {
		t.Error(err)
	}
	if err := unpack([]byte(hash+"1,2,3,4,,,,,,,1,a,,{}"), new(store.Record)); err != nil {
		t.Error(err)
	}
	for _, packed := range []string{
		"", "short", hash, hash + "1", hash + "1,2,3,4", hash + "1,2,3,4,", hash + "1,x,3,4.{}", hash + "1,2,3-,4.{}",
		hash + "1,2,3,4,,,,,,,9,{}", hash + "1,2,3,4,,,,,,,-1,{}", hash + "1,2,3,4,,,,,,7,1234567,,,{}",
		hash + "1,2,3,99999999999999999999.{}",
	} {
		var r store.Record
		if err := unpack([]byte(packed), &r); err == nil {
			t.Errorf("%q was read as %+v", packed, r)
		}
	}
	if err := unpack(nil, new(store.Record)); err == nil {
		t.Error("nothing was read as a row")
	}
}
