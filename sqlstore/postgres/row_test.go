package postgres

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

type jsonText = json.RawMessage

func bigint(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

// timestamp is a time as Postgres sends it.
func timestamp(t time.Time) []byte { return bigint(t.UnixMicro() - epoch) }

func TestTimesAreReadInWholeMillisecondsOfUTC(t *testing.T) {
	for _, at := range []time.Time{
		time.Date(2026, 7, 1, 12, 0, 0, 123_456_000, time.UTC),
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		time.Date(1969, 12, 31, 23, 59, 59, 1_000, time.UTC),
	} {
		if got, want := readTime(timestamp(at)), at.Truncate(time.Millisecond); got != want {
			t.Errorf("%v is read as %v, want %v", at, got, want)
		}
	}
	for _, infinite := range []int64{math.MaxInt64, math.MinInt64} {
		if _, err := json.Marshal(readTime(bigint(infinite))); infinite > 0 && err != nil {
			t.Errorf("infinity: %v", err)
		}
	}
}

func TestARecordIsRead(t *testing.T) {
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	key, hash, former := store.Handle{1, 2}, store.Hash{3, 4}, []store.Hash{{5}, {6}}
	row := [][]byte{
		bigint(7), timestamp(now), timestamp(now.Add(time.Second)), timestamp(now.Add(time.Hour)), timestamp(now.Add(time.Minute)),
		[]byte("ann"), []byte("tag"), bigint(60_000), nil, {0, 2}, timestamp(now.Add(1)), timestamp(now.Add(time.Second)),
		joined(former), []byte("device"), key[:], hash[:], []byte(`{"a": 1}`),
	}
	got, err := readRecord(row)
	if err != nil {
		t.Fatal(err)
	}
	want := store.Record{
		Key: key, Hash: hash, Data: []byte(`{"a": 1}`), Version: 7, CreatedAt: now, AccessedAt: now.Add(time.Second),
		ExpiresAt: now.Add(time.Hour), Now: now.Add(time.Minute), Owner: "ann", Tag: "tag",
		Timeouts: store.Timeouts{Idle: time.Minute}, Persistence: store.NonPersistent, AuthenticatedAt: now,
		RotatedAt: now.Add(time.Second), Former: former, Device: []byte("device"),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, want %+v", got, want)
	}
	for i := range row {
		clear(row[i])
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("it is still the connection's buffer: %+v", got)
	}
	for i := 5; i < len(row); i++ {
		row[i] = nil
	}
	rare := store.Record{CreatedAt: got.CreatedAt}
	if got, err := readRecord(row); err != nil || got.Owner != rare.Owner || !got.RotatedAt.IsZero() || got.Former != nil ||
		got.Device != nil || got.Data != nil || got.Key != rare.Key || got.Hash != rare.Hash {
		t.Errorf("of nulls: %+v, %v", got, err)
	}
	for _, broken := range [][][]byte{nil, row[:9], row[:len(row)-1]} {
		if _, err := readRecord(broken); err == nil {
			t.Errorf("a row of %d columns was read", len(broken))
		}
	}
}

// What is written is what is read.
func TestARecordHasAnArgumentForEachColumn(t *testing.T) {
	if got := len(rowArgs(&store.Record{})); got != columnCount {
		t.Errorf("%d arguments for the hash and all columns but the clock, which are %d", got, columnCount)
	}
	for i, arg := range rowArgs(&store.Record{})[5:] {
		if v := reflect.ValueOf(arg); !v.IsNil() {
			t.Errorf("argument %d of an ordinary row is %v, not null", i+5, arg)
		}
	}
}

func TestObjectsAreWritten(t *testing.T) {
	entries := map[string]json.RawMessage{
		"plain": jsonText(`1`), `qu"ote\`: jsonText(`"x"`), "ключ\n": jsonText(`[true,null]`), "": jsonText(`{"a":{}}`),
		"<&>\u2028": jsonText(`12345678901234567890`),
	}
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(objectText(entries)), &got); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(entries) {
		t.Errorf("%d entries of %d", len(got), len(entries))
	}
	for key, value := range entries {
		if string(got[key]) != string(value) {
			t.Errorf("%q is %s, want %s", key, got[key], value)
		}
	}
	if got := objectText(nil); got != "{}" {
		t.Errorf("nothing is %s", got)
	}
	if got := arrayText([]string{`a"`, "b"}); got != `["a\"","b"]` {
		t.Errorf("an array is %s", got)
	}
}

func TestPayloads(t *testing.T) {
	s := &Store{node: "here"}
	key := store.Handle{1, 2, 3}
	for _, kind := range []store.EventKind{store.Destroyed, store.Revoked, store.Rotated, store.Changed} {
		e, node, ok := readPayload(s.payload(store.Event{Kind: kind, Key: key}))
		if !ok || e.Kind != kind || e.Key != key || node != "here" {
			t.Errorf("kind %d is read as %v from %q, %v", kind, e, node, ok)
		}
	}
	if e, node, ok := readPayload("v" + key.String()); !ok || e.Kind != store.Revoked || node != "" {
		t.Errorf("by hand: %v from %q, %v", e, node, ok)
	}
	for _, bad := range []string{"", ":", "?here", "d", "x" + key.String(), "d" + key.String()[1:], "\x00" + key.String()} {
		if e, _, ok := readPayload(bad); ok {
			t.Errorf("%q is read as %v", bad, e)
		}
	}
}

func TestTimeoutsBecomeMilliseconds(t *testing.T) {
	if got := limitMillis(0); got != noLimit {
		t.Errorf("no timeout is %d", got)
	}
	if got := limitMillis(math.MaxInt64); got <= 0 || got > noLimit {
		t.Errorf("the longest timeout is %d", got)
	}
	if ownMillis(0) != nil || *ownMillis(time.Second) != 1000 {
		t.Error("a session's own timeout is wrong")
	}
	if millisText(0) != "0" || millisText(1) != "1" || millisText(time.Second) != "1000" {
		t.Error("a setting in milliseconds is wrong")
	}
}
