package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
)

var (
	hashA = store.Hash{1}
	hashB = store.Hash{2}
)

func at(ms int64) time.Time { return time.UnixMilli(1_700_000_000_000 + ms).UTC() }

func ptr[T any](v T) *T { return &v }

func set(pairs ...string) map[string]json.RawMessage {
	m := map[string]json.RawMessage{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return m
}

func TestRecordOpen(t *testing.T) {
	live := store.Record{Hash: hashA, CreatedAt: at(0), ExpiresAt: at(1000)}
	rotated := live
	rotated.RotatedAt, rotated.Former = at(100), []store.Hash{hashB, {3}}
	own := live
	own.Timeouts.Absolute = 600 * time.Millisecond
	policy := store.Policy{Grace: 50 * time.Millisecond}
	short := policy
	short.Absolute = 500 * time.Millisecond
	for _, c := range []struct {
		name   string
		record store.Record
		hash   store.Hash
		policy store.Policy
		now    time.Time
		want   error
	}{
		{"its own secret", live, hashA, policy, at(0), nil},
		{"the last millisecond", live, hashA, policy, at(999), nil},
		{"the very instant", live, hashA, policy, at(1000), session.ErrExpired},
		{"long after", live, hashA, policy, at(99_999), session.ErrExpired},
		{"another secret", live, hashB, policy, at(0), session.ErrGone},
		{"no secret", live, store.Hash{}, policy, at(0), session.ErrGone},
		{"another secret, expired", live, hashB, policy, at(1000), session.ErrExpired},
		{"the new secret after a rotation", rotated, hashA, policy, at(100), nil},
		{"the old secret at the rotation", rotated, hashB, policy, at(100), session.ErrRotated},
		{"the old secret within the grace", rotated, hashB, policy, at(149), session.ErrRotated},
		{"an older secret within the grace", rotated, store.Hash{3}, policy, at(149), session.ErrRotated},
		{"a foreign secret within the grace", rotated, store.Hash{4}, policy, at(149), session.ErrGone},
		{"the old secret when the grace ends", rotated, hashB, policy, at(150), store.ErrReused},
		{"an older secret when the grace ends", rotated, store.Hash{3}, policy, at(150), store.ErrReused},
		{"the old secret without a grace", rotated, hashB, store.Policy{}, at(100), store.ErrReused},
		{"the old secret of an expired one", rotated, hashB, store.Policy{Grace: time.Hour}, at(1000), session.ErrExpired},
		{"shorter lifetime configured, before", live, hashA, short, at(499), nil},
		{"shorter lifetime configured, then", live, hashA, short, at(500), session.ErrExpired},
		{"the row's own lifetime goes before", own, hashA, short, at(599), nil},
		{"the row's own lifetime ends", own, hashA, policy, at(600), session.ErrExpired},
	} {
		err := c.record.Open(store.Ref{Hash: c.hash, Policy: c.policy}, c.now)
		if err != c.want {
			t.Errorf("%s: got %v, want %v", c.name, err, c.want)
		}
	}
}

func TestRecordExtended(t *testing.T) {
	hour := store.Policy{Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 3 * time.Hour}}
	const h = int64(time.Hour / time.Millisecond)
	r := store.Record{CreatedAt: at(0), ExpiresAt: at(h)}
	for _, c := range []struct {
		name     string
		timeouts store.Timeouts
		policy   store.Policy
		now      int64
		want     int64
	}{
		{"from now on", store.Timeouts{}, hour, h / 2, h + h/2},
		{"never shorter", store.Timeouts{Idle: time.Minute}, hour, h / 2, h},
		{"not beyond the absolute end", store.Timeouts{Absolute: 2 * time.Hour}, hour, h + h/2, 2 * h},
		{"its own idle timeout", store.Timeouts{Idle: 2 * time.Hour}, hour, h / 2, 2*h + h/2},
		{"without an absolute end", store.Timeouts{}, store.Policy{Timeouts: store.Timeouts{Idle: 9 * time.Hour}}, h / 2, 9*h + h/2},
	} {
		r.Timeouts = c.timeouts
		if got := r.Extended(c.policy, at(c.now)); !got.Equal(at(c.want)) {
			t.Errorf("%s: got %v, want %v", c.name, got, at(c.want))
		}
	}
}

func TestNewRecord(t *testing.T) {
	ref := store.Ref{Key: session.Handle{7}, Hash: hashA, Policy: store.Policy{Timeouts: store.Timeouts{Idle: time.Minute}}}
	now := at(5).Add(999 * time.Microsecond).In(time.FixedZone("X", 3600))
	r, err := store.NewRecord(ref, store.Change{Set: set("a", "1"), Owner: ptr("anna")}, now)
	want := store.Record{
		Key: ref.Key, Hash: hashA, Data: []byte(`{"a":1}`), Version: 1, Owner: "anna",
		CreatedAt: at(5), AccessedAt: at(5), ExpiresAt: at(60_005), Now: at(5),
	}
	if err != nil || !reflect.DeepEqual(r, want) {
		t.Errorf("got %+v, %v, want %+v", r, err, want)
	}
	ref.Policy.MaxBytes = 7
	if _, err := store.NewRecord(ref, store.Change{Set: set("a", "1")}, now); !errors.Is(err, session.ErrTooLarge) {
		t.Errorf("got error %v, want %v", err, session.ErrTooLarge)
	}
}

func TestApplyRefuses(t *testing.T) {
	everything := store.Change{
		Set: set("a", `"0123456789"`), Delete: []string{"b"}, Rotate: &hashB, Renew: true, Idle: ptr(time.Minute),
		Absolute: ptr(time.Hour), Owner: ptr("anna"),
	}
	conditional := everything
	conditional.IfVersion = 4
	for name, c := range map[string]struct {
		data   string
		change store.Change
		policy store.Policy
		want   error
	}{
		"another version": {`{"a":1}`, conditional, store.Policy{}, store.ErrConflict},
		"too large":       {`{"b":1}`, everything, store.Policy{MaxBytes: 10}, session.ErrTooLarge},
		"null":            {`null`, everything, store.Policy{}, session.ErrCorrupt},
		"an array":        {`[]`, everything, store.Policy{}, session.ErrCorrupt},
		"a string":        {`"x"`, store.Change{Owner: ptr("anna")}, store.Policy{}, session.ErrCorrupt},
		"nothing":         {``, store.Change{}, store.Policy{}, session.ErrCorrupt},
		"trailing data":   {`{} {}`, everything, store.Policy{}, session.ErrCorrupt},
		"half an object":  {`{"a":`, store.Change{Clear: true}, store.Policy{}, session.ErrCorrupt},
	} {
		r := store.Record{Hash: hashA, Data: []byte(c.data), Version: 3, Owner: "bert", CreatedAt: at(0), ExpiresAt: at(9)}
		before := r
		if err := c.change.Apply(&r, c.policy, at(1)); !errors.Is(err, c.want) {
			t.Errorf("%s: got error %v, want %v", name, err, c.want)
		}
		if !reflect.DeepEqual(r, before) {
			t.Errorf("%s: the record has become %+v", name, r)
		}
	}
}

func TestApplyLeavesOldData(t *testing.T) {
	data := []byte(`{"a":1,"b":2}`)
	r := store.Record{Data: data, Version: 1}
	change := store.Change{Set: set("a", "9", "c", "3"), Delete: []string{"b"}}
	if err := change.Apply(&r, store.Policy{}, at(0)); err != nil {
		t.Fatal(err)
	}
	if string(data) != `{"a":1,"b":2}` || string(r.Data) != `{"a":9,"c":3}` {
		t.Errorf("the old data is now %s, the new %s", data, r.Data)
	}
}

// Folding is right where one save of the result leaves what two saves would.
func TestThenIsBothChanges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	policy := store.Policy{Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour}}
	for range 20_000 {
		first, second := randomChange(rnd), randomChange(rnd)
		if first.Rotate != nil {
			second.Rotate = nil
		}
		record := store.Record{
			Hash: hashA, Data: []byte(`{"a":0,"b":0,"c":0,"x":0}`), Version: 1, Owner: "bert", CreatedAt: at(-7_200_000), ExpiresAt: at(1_000_000),
		}
		twice, once := record, record
		for _, c := range []store.Change{first, second} {
			if err := c.Apply(&twice, policy, at(0)); err != nil {
				t.Fatal(err)
			}
		}
		folded := first.Then(second)
		if err := folded.Apply(&once, policy, at(0)); err != nil {
			t.Fatal(err)
		}
		once.Version++
		if !reflect.DeepEqual(once, twice) {
			t.Fatalf("%+v\nthen %+v\n leaves %+v\nfolded %+v\n leaves %+v", first, second, twice, folded, once)
		}
		for _, key := range folded.Delete {
			if _, both := folded.Set[key]; both {
				t.Fatalf("%q is set and deleted in %+v", key, folded)
			}
		}
	}
}

func randomChange(rnd *rand.Rand) store.Change {
	c := store.Change{Clear: rnd.IntN(5) == 0, Renew: rnd.IntN(8) == 0, Extend: rnd.IntN(3) == 0}
	for _, key := range []string{"a", "b", "c", "d"} {
		switch rnd.IntN(4) {
		case 0:
			if c.Set == nil {
				c.Set = set()
			}
			c.Set[key] = json.RawMessage(fmt.Sprint(rnd.IntN(100)))
		case 1:
			c.Delete = append(c.Delete, key)
		}
	}
	pick := func(choices ...time.Duration) *time.Duration {
		if i := rnd.IntN(3 * len(choices)); i < len(choices) {
			return &choices[i]
		}
		return nil
	}
	c.Idle, c.Absolute = pick(0, time.Minute, 5*time.Hour), pick(0, 3*time.Hour, 48*time.Hour)
	if rnd.IntN(4) == 0 {
		c.Rotate = &store.Hash{byte(rnd.IntN(200))}
	}
	if rnd.IntN(4) == 0 {
		c.Owner = ptr([]string{"", "anna", "carl"}[rnd.IntN(3)])
	}
	return c
}

func TestThenSharesNothing(t *testing.T) {
	first := store.Change{Set: set("a", "1"), Delete: []string{"b"}}
	second := store.Change{Set: set("c", "1"), Delete: []string{"d"}}
	cleared := store.Change{Clear: true, Set: set("e", "1"), Delete: []string{"f"}}
	for _, next := range []store.Change{{}, second, cleared} {
		folded := first.Then(next)
		if folded.Set["z"] = nil; len(folded.Delete) > 0 {
			folded.Delete[0] = "z"
		}
		folded.Delete = append(folded.Delete, "y")
	}
	for _, c := range []store.Change{first, second, cleared} {
		if len(c.Set) != 1 || len(c.Delete) != 1 || slices.Contains(c.Delete, "z") {
			t.Errorf("a fold has reached back into %+v", c)
		}
	}
}

func TestChangeTells(t *testing.T) {
	for name, c := range map[string]struct {
		change          store.Change
		hasData, resets bool
	}{
		"nothing":    {store.Change{}, false, false},
		"a set":      {store.Change{Set: set("a", "1")}, true, false},
		"a delete":   {store.Change{Delete: []string{"a"}}, true, false},
		"a clear":    {store.Change{Clear: true}, true, false},
		"a rotation": {store.Change{Rotate: &hashA, Extend: true, Owner: ptr("a")}, false, false},
		"a renewal":  {store.Change{Renew: true}, false, true},
		"idle":       {store.Change{Idle: ptr(time.Duration(0))}, false, true},
		"absolute":   {store.Change{Absolute: ptr(time.Hour)}, false, true},
	} {
		if c.change.HasData() != c.hasData || c.change.Resets() != c.resets {
			t.Errorf("%s: HasData %v, Resets %v", name, c.change.HasData(), c.change.Resets())
		}
	}
}

// spaced writes a value as Postgres prints a jsonb, but for the order of keys, which does not count.
func spaced(t *testing.T, text json.RawMessage) string {
	t.Helper()
	switch text[0] {
	case '{':
		var m map[string]json.RawMessage
		decode(t, text, &m)
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(m)) {
			var quoted strings.Builder
			e := json.NewEncoder(&quoted)
			e.SetEscapeHTML(false)
			if err := e.Encode(key); err != nil {
				t.Fatal(err)
			}
			parts = append(parts, strings.TrimSuffix(quoted.String(), "\n")+": "+spaced(t, m[key]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case '[':
		var a []json.RawMessage
		decode(t, text, &a)
		var parts []string
		for _, v := range a {
			parts = append(parts, spaced(t, v))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return string(text)
}

func decode(t *testing.T, text []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%.100q: %v", text, err)
	}
}

func TestSizeIsThatOfSpacedText(t *testing.T) {
	for _, v := range storetest.Values() {
		if v.Refused() {
			continue
		}
		data := json.RawMessage(`{"k":` + v.Canonical + `,"l":1}`)
		got, err := store.Size(data)
		if want := len(spaced(t, data)); err != nil || got != want {
			t.Errorf("%s: size %d (%v), want %d", v.Name, got, err, want)
		}
	}
	for text, want := range map[string]int{`{}`: 2, ` { } `: 2, `{"a":1}`: 8, "{\n\"a\" : [ 1 ,2 ]\t}": 13, `{"a,b:c":",:"}`: 15} {
		if got, err := store.Size([]byte(text)); err != nil || got != want {
			t.Errorf("the size of %q is %d (%v), want %d", text, got, err, want)
		}
	}
	for _, text := range []string{``, `null`, `[]`, `{`, `{}x`} {
		if _, err := store.Size([]byte(text)); !errors.Is(err, session.ErrCorrupt) {
			t.Errorf("the size of %q: %v", text, err)
		}
	}
}

// HasAttributes sees every field of a Change but the entries and those that say how they are saved.
func TestEveryFieldOfAChangeIsEntriesOrAttribute(t *testing.T) {
	entries := []string{"Clear", "Set", "Delete"}
	neither := []string{"Extend", "IfVersion", "Base", "EndedEntries"}
	for i, kind := 0, reflect.TypeFor[store.Change](); i < kind.NumField(); i++ {
		name := kind.Field(i).Name
		var c store.Change
		setField(t, reflect.ValueOf(&c).Elem().Field(i))
		isEntry := slices.Contains(entries, name)
		if c.HasData() != isEntry {
			t.Errorf("with %s alone, HasData is %v", name, c.HasData())
		}
		if want := !isEntry && !slices.Contains(neither, name); c.HasAttributes() != want {
			t.Errorf("with %s alone, HasAttributes is %v", name, c.HasAttributes())
		}
	}
}

// setField gives a field a value that is not its zero value.
func setField(t *testing.T, field reflect.Value) {
	t.Helper()
	switch field.Kind() {
	case reflect.Bool:
		field.SetBool(true)
	case reflect.Int64:
		field.SetInt(1)
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
	case reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
	case reflect.Map:
		field.Set(reflect.MakeMap(field.Type()))
		field.SetMapIndex(reflect.ValueOf("a"), reflect.ValueOf(json.RawMessage("1")))
	default:
		t.Fatalf("a field of kind %v: give it a value here", field.Kind())
	}
}
