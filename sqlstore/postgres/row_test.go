package postgres

import (
	"encoding/binary"
	"encoding/json"
	"math"
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
	key, hash := store.Handle{1, 2}, store.Hash{3, 4}
	row := [][]byte{
		key[:], hash[:], nil, bigint(7), []byte("ann"), bigint(60_000), nil,
		timestamp(now), timestamp(now.Add(time.Hour)), timestamp(now.Add(time.Minute)), []byte("\x01{\"a\": 1}"),
	}
	got, err := readLoaded(row)
	if err != nil {
		t.Fatal(err)
	}
	if got.Key != key || got.Hash != hash || !got.RotatedAt.IsZero() || got.Version != 7 || got.Owner != "ann" ||
		got.Timeouts != (store.Timeouts{Idle: time.Minute}) || string(got.Data) != `{"a": 1}` ||
		!got.CreatedAt.Equal(now) || !got.ExpiresAt.Equal(now.Add(time.Hour)) || !got.Now.Equal(now.Add(time.Minute)) {
		t.Errorf("read %+v", got)
	}
	row[10][2] = 'X'
	if string(got.Data) != `{"a": 1}` {
		t.Error("the data is still the connection's buffer")
	}
	for _, broken := range [][][]byte{nil, row[:9], append([][]byte{{1}}, row[1:]...)} {
		if _, err := readLoaded(broken); err == nil {
			t.Errorf("a row of %d columns was read", len(broken))
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

func TestListedEntriesAreThoseThatAreThere(t *testing.T) {
	keys := []string{"a", "b", `c"`}
	for name, columns := range map[string][][]byte{
		"of their own": {[]byte("\x01null"), nil, []byte("\x01[1, 2]")},
		"of all data":  {[]byte("\x01{\"a\": null, \"c\\\"\": [1, 2], \"d\": 3}")},
	} {
		if got, err := readEntries(keys, columns); err != nil || string(got) != `{"a":null,"c\"":[1, 2]}` {
			t.Errorf("from columns %s: got %s, %v", name, got, err)
		}
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
	if got := absoluteMillis(store.Policy{}); got != noLimit {
		t.Errorf("no absolute timeout is %d", got)
	}
	p := store.Policy{Timeouts: store.Timeouts{Idle: time.Minute, Absolute: math.MaxInt64}, Step: 6 * time.Second}
	if got := absoluteMillis(p); got <= 0 || got > noLimit {
		t.Errorf("the longest absolute timeout is %d", got)
	}
	if got := stepPart(p); got != 0.1 {
		t.Errorf("the step is %v of the idle timeout", got)
	}
	if got := stepPart(store.Policy{Step: time.Second}); got != 0 {
		t.Errorf("the step without an idle timeout is %v", got)
	}
	if ownMillis(0) != nil || *ownMillis(time.Second) != 1000 {
		t.Error("a session's own timeout is wrong")
	}
}
