package session_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

// hostileValues are values of the cookie, made from a live token. None of them opens anything; those that are no token
// cost no statement either.
var hostileValues = []struct {
	name  string
	value func(token string) string
	loads bool
}{
	{"unknown but well-formed", func(string) string { return strings.Repeat("A", 64) }, true},
	{"live row key, other secret", func(t string) string { return t[:22] + strings.Repeat("A", 42) }, true},
	{"other row key, live secret", func(t string) string { return strings.Repeat("A", 21) + t[21:] }, true},
	{"last character changed", func(t string) string { return t[:63] + otherThan(t[63]) }, true},
	{"case swapped", func(t string) string { return strings.ToUpper(t[:32]) + strings.ToLower(t[32:]) }, true},
	{"empty", func(string) string { return "" }, false},
	{"one character", func(string) string { return "A" }, false},
	{"one short", func(t string) string { return t[:63] }, false},
	{"one long", func(t string) string { return t + "A" }, false},
	{"twice in one", func(t string) string { return t + t }, false},
	{"standard alphabet", func(t string) string { return "+/" + t[2:] }, false},
	{"padded", func(t string) string { return t[:62] + "==" }, false},
	{"padding appended", func(t string) string { return t + "=" }, false},
	{"quoted", func(t string) string { return `"` + t + `"` }, false},
	{"leading space", func(t string) string { return " " + t }, false},
	{"inner space", func(t string) string { return t[:31] + " " + t[32:] }, false},
	{"NUL", func(t string) string { return t[:63] + "\x00" }, false},
	{"NUL appended", func(t string) string { return t + "\x00" }, false},
	{"control character", func(t string) string { return t[:31] + "\x1b" + t[32:] }, false},
	{"line break within", func(t string) string { return t[:32] + "\n" + t[32:] }, false},
	{"line break in place", func(t string) string { return t[:32] + "\r" + t[33:] }, false},
	{"percent-encoded", func(t string) string { return fmt.Sprintf("%%%02x", t[0]) + t[1:] }, false},
	{"64 KB", func(string) string { return strings.Repeat("A", 64<<10) }, false},
	{"invalid UTF-8", func(t string) string { return t[:62] + "\xff\xfe" }, false},
	{"Unicode digits", func(t string) string { return strings.Repeat("٣", 32) }, false},
	{"SQL", func(string) string { return "' or 1=1 --" }, false},
	{"SQL of a token's length", func(string) string { return fmt.Sprintf("%-64s", "'); drop table sessions; --") }, false},
	{"a path", func(string) string { return "../../../../etc/passwd" }, false},
	{"a UUID", func(string) string { return "01890a5d-ac96-774b-bcce-b302099a8057" }, false},
	{"hexadecimal", func(string) string { return strings.Repeat("ab", 48) }, false},
}

func otherThan(c byte) string {
	if c == 'A' {
		return "B"
	}
	return "A"
}

func TestHostileCookies(t *testing.T) {
	for _, c := range hostileValues {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			live := s.stored("a")
			token := live.ID().Reveal()
			wantFresh(t, s, c.value(token), c.loads)
			_, err := s.m.Open(t.Context(), c.value(token))
			wantIs(t, "Open", err, session.ErrGone)
			wantSecret(t, "the error", fmt.Sprintf("%+v", err), token)
			wantKeys(t, s.open(live).Keys(), "a")
		})
	}
}

// wantFresh sends a value in a raw header line, as net/http would not write it, and wants an empty session that can be
// used.
func wantFresh(t *testing.T, s *site, value string, loads bool) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Cookie"] = []string{hostCookie + "=" + value}
	w := httptest.NewRecorder()
	rows := s.store.Len()
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		if of.Len() != 0 || !of.New() || of.Err() != nil {
			t.Errorf("%d entries, new %v, %v", of.Len(), of.New(), of.Err())
		}
		s.ok(of.Set("k", 1))
	})).ServeHTTP(w, r)
	wantStatus(t, w, http.StatusOK)
	want := []string{"create"}
	if loads {
		want = []string{"load", "create"}
	}
	wantEvents(t, s.store, want...)
	if line := w.Header().Get("Set-Cookie"); line == "" || (len(value) > 20 && strings.Contains(line, value)) {
		t.Error("no new token, or the one that came")
	}
	if n := s.store.Len(); n != rows+1 {
		t.Errorf("%d rows, want one more than %d", n, rows)
	}
}

// What stands in the table opens nothing: not the hash in the place of the secret, nor the hash alone.
func TestWhatIsStoredOpensNothing(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	key := of.Handle()
	records, err := s.store.Inspect(t.Context(), []session.Handle{key})
	if err != nil || len(records) != 1 || records[0].Hash == (session.Hash{}) {
		t.Fatalf("%d rows, %v", len(records), err)
	}
	hash := records[0].Hash
	wantFresh(t, s, base64.RawURLEncoding.EncodeToString(append(key[:], hash[:]...)), true)
	wantFresh(t, s, base64.RawURLEncoding.EncodeToString(hash[:]), false)
	wantFresh(t, s, key.String(), false)
	wantSecret(t, "the row", fmt.Sprintf("%+v %x", records, records), of.ID().Reveal())
}

func TestDestroyedTokenIsUnknown(t *testing.T) {
	s := newSite(t)
	of := s.stored("a")
	token := of.ID().Reveal()
	s.ok(of.Destroy(t.Context()))
	s.store.taken()
	wantFresh(t, s, token, true)
}

// rows has data that was not written by this package.
type rows struct {
	*session.MemoryStore
	data string
}

func (r *rows) Load(ctx context.Context, ref session.Ref) (session.Record, error) {
	rec, err := r.MemoryStore.Load(ctx, ref)
	if r.data != "" {
		rec.Data = []byte(strings.TrimPrefix(r.data, "="))
	}
	return rec, err
}

// A row whose data is not an object is an error of the server, not an empty session, and can be destroyed.
func TestCorruptRows(t *testing.T) {
	for name, data := range map[string]string{
		"null": "null", "array": "[]", "string": `"x"`, "number": "1", "nothing": "=", "space": " ", "cut off": `{"a":1`,
		"trailing data": "{} {}", "trailing brace": "{}}", "no JSON": "{a:1}", "single quotes": "{'a':1}",
		"trailing comma": `{"a":1,}`, "control character": "{\"a\x01\":1}", "deep": strings.Repeat(`{"a":`, 20_000) + "1" +
			strings.Repeat("}", 20_000),
	} {
		t.Run(name, func(t *testing.T) {
			store := &rows{MemoryStore: session.NewMemoryStore()}
			m, err := session.New(store, session.Config{Logger: discard()})
			if err != nil {
				t.Fatal(err)
			}
			made := m.Create()
			if err := errors.Join(made.Set("a", 1), made.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			store.data = data
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(&http.Cookie{Name: hostCookie, Value: made.ID().Reveal()})
			w := httptest.NewRecorder()
			m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the handler ran") })).ServeHTTP(w, r)
			wantStatus(t, w, http.StatusInternalServerError)
			wantNoCookie(t, w)
			err = made.Load(t.Context())
			if wantIs(t, "Load", err, session.ErrCorrupt); errors.Is(err, session.ErrGone) {
				t.Error("a corrupt session is not gone")
			}
			if err := made.Destroy(t.Context()); err != nil || store.Len() != 0 {
				t.Errorf("Destroy: %v, %d rows", err, store.Len())
			}
		})
	}
}

// A corrupt session that no request can load can be ended by its handle.
func TestCorruptRowCanBeRevoked(t *testing.T) {
	store := &rows{MemoryStore: session.NewMemoryStore(), data: "null"}
	m, err := session.New(store, session.Config{})
	if err != nil {
		t.Fatal(err)
	}
	made := m.Create()
	if err := errors.Join(made.Set("a", 1), made.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	if ended, err := m.Revoke(t.Context(), made.Handle()); !ended || err != nil || store.Len() != 0 {
		t.Errorf("Revoke: %v, %v", ended, err)
	}
}

// nested returns a value of that many levels.
func nested(depth int) any {
	var v any = 1
	for range depth {
		v = []any{v}
	}
	return v
}

type refusing struct{}

func (refusing) MarshalJSON() ([]byte, error) { return nil, errMine }

// refusedValues cannot be stored, in any of the databases.
var refusedValues = map[string]any{
	"chan":                        make(chan int),
	"func":                        func() {},
	"complex":                     1i,
	"chan in a struct":            struct{ C chan int }{make(chan int)},
	"map with odd keys":           map[[2]int]int{{1, 2}: 3},
	"NaN":                         math.NaN(),
	"infinity":                    math.Inf(1),
	"infinity within":             []float64{1, math.Inf(-1)},
	"NaN as float32":              float32(math.NaN()),
	"U+0000":                      "a\x00b",
	"U+0000 within":               map[string]string{"a": "b\x00"},
	"U+0000 in a key":             map[string]int{"a\x00": 1},
	"U+0000 escaped":              json.RawMessage(`"\u0000"`),
	"lone high surrogate":         json.RawMessage(`"\ud800"`),
	"lone low surrogate":          json.RawMessage(`"\udc00x"`),
	"surrogates the wrong way":    json.RawMessage(`"\udc00\ud800"`),
	"invalid UTF-8":               "a\xff",
	"invalid UTF-8 within":        []string{"a\xff"},
	"invalid UTF-8 in a key":      map[string]int{"a\xff": 1},
	"invalid UTF-8 as JSON":       json.RawMessage("\"a\xff\""),
	"encoded surrogate":           json.RawMessage("\"\xed\xa0\x80\""),
	"101 levels":                  nested(101),
	"1001 levels":                 nested(1001),
	"100,000 levels as JSON":      json.RawMessage(strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000)),
	"number beyond float64":       json.RawMessage("1e400"),
	"number beyond numeric":       json.Number("1e200000"),
	"no number":                   json.Number("x"),
	"two values":                  json.RawMessage("1 2"),
	"cut off":                     json.RawMessage(`{"a":`),
	"no JSON":                     json.RawMessage("hello"),
	"empty JSON":                  json.RawMessage{},
	"a byte order mark":           json.RawMessage("\ufeff1"),
	"a marshaler that refuses":    refusing{},
	"a marshaler that refuses, 2": []any{1, refusing{}},
}

func TestRefusedValues(t *testing.T) {
	for name, value := range refusedValues {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			of := s.open(s.stored("a"))
			wantIs(t, "Set", of.Set("a", value), session.ErrValue)
			if of.Changed() {
				t.Error("something is pending")
			}
			wantEntry(t, "after it", of, "a", "a's value")
			err := of.Modify(t.Context(), func(d *session.Draft) error { return d.Set("b", value) })
			wantIs(t, "Modify, for the Set before it", err, session.ErrValue)
			err = of.Modify(t.Context(), func(d *session.Draft) error { return d.Set("b", value) })
			wantIs(t, "Modify", err, session.ErrValue)
			wantKeys(t, s.open(of).Keys(), "a")
		})
	}
}

// cycle refers to itself.
type cycle struct{ Next *cycle }

func TestCyclicValue(t *testing.T) {
	c := &cycle{}
	c.Next = c
	wantIs(t, "Set", newSite(t).m.Create().Set("k", c), session.ErrValue)
}

func TestRefusedKeys(t *testing.T) {
	of := newSite(t).m.Create()
	for _, key := range []string{"a\x00", "\x00", "\xff", "a\xc3", "\xed\xa0\x80"} {
		err := of.Set(key, 1)
		wantIs(t, fmt.Sprintf("%q", key), err, session.ErrValue)
	}
	if of.Changed() {
		t.Error("something is pending")
	}
	long := strings.Repeat("k", 1<<20) + "\x00"
	if err := of.Set(long, 1); len(err.Error()) > 300 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// acceptedValues come back as they are, over a save and a load.
var acceptedValues = map[string]string{
	"2^53+1":         "9007199254740993",
	"−2^63":          "-9223372036854775808",
	"40 digits":      "1234567890123456789012345678901234567890",
	"minus zero":     "0",
	"nothing":        "null",
	"empty string":   `""`,
	"emoji":          `"😀"`,
	"replacement":    `"` + "\ufffd" + `"`,
	"line separator": `"` + "\u2028" + `"`,
	"delete":         `"` + "\x7f" + `"`,
	"markup":         `"<a href='x'>&amp;</a>"`,
	"100 levels":     strings.Repeat("[", 100) + strings.Repeat("]", 100),
	"object":         `{"":[],"__proto__":{"a":1},"a.b":"$[0]"}`,
	"an escape":      `"\\u0000"`,
}

func TestAcceptedValues(t *testing.T) {
	for name, text := range acceptedValues {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			of := s.m.Create()
			set := json.RawMessage(text)
			if name == "minus zero" {
				set = json.RawMessage("-0")
			}
			s.ok(errors.Join(of.Set("k", set), of.Save(t.Context())))
			for _, from := range []*session.Session{of, s.open(of)} {
				if raw, ok := from.Raw("k"); !ok || string(raw) != text {
					t.Errorf("%s, want %s", raw, text)
				}
			}
		})
	}
}

var hostileKeys = []string{
	"", " ", "__proto__", "constructor", `"`, `\`, "'", "a.b", "$", "$.a", "a[0]", "{a}", "*",
	"'; drop table sessions; --", "\n", "\x7f", "\u2028", "😀", "null", "0", "%s", "a/b~c", strings.Repeat("k", 10_000),
}

func TestHostileKeys(t *testing.T) {
	s := newSite(t)
	of := s.m.Create()
	for i, key := range hostileKeys {
		s.ok(of.Set(key, i))
	}
	s.ok(of.Save(t.Context()))
	again := s.open(of)
	if again.Len() != len(hostileKeys) {
		t.Errorf("%d entries", again.Len())
	}
	for i, key := range hostileKeys {
		wantEntry(t, fmt.Sprintf("%.20q", key), again, key, i)
		s.ok(again.Delete(key))
	}
	s.ok(again.Save(t.Context()))
	if n := s.open(of).Len(); n != 0 {
		t.Errorf("%d entries after their deletion", n)
	}
}

func TestTenThousandKeys(t *testing.T) {
	s := newSite(t)
	of := s.m.Create()
	for i := range 10_000 {
		s.ok(of.Set(fmt.Sprint(i), i))
	}
	s.ok(of.Save(t.Context()))
	again := s.open(of)
	if again.Len() != 10_000 {
		t.Errorf("%d entries", again.Len())
	}
	wantEntry(t, "the last", again, "9999", 9999)
}

// The limit holds for the whole session as it would stand in the row, and what exceeds it is not written.
func TestSizes(t *testing.T) {
	s := newSite(t)
	of := s.open(s.stored())
	room := 1<<20 - len(`{"k": ""}`)
	for name, c := range map[string]struct {
		size int
		set  error // of Set, which looks at the value alone
		save error
	}{
		"1,000,000 bytes":      {1_000_000, nil, nil},
		"as large as allowed":  {room, nil, nil},
		"one byte more":        {room + 1, nil, session.ErrTooLarge},
		"larger by itself":     {1 << 20, session.ErrTooLarge, session.ErrTooLarge},
		"a hundred megabytes":  {100 << 20, session.ErrTooLarge, session.ErrTooLarge},
		"characters of 2 byte": {-room / 2, nil, nil},
	} {
		value := strings.Repeat("x", max(c.size, 0))
		if c.size < 0 {
			value = strings.Repeat("é", -c.size)
		}
		wantIs(t, name+": Set", of.Set("k", value), c.set)
		wantIs(t, name+": Save", of.Save(t.Context()), c.save)
		s.ok(errors.Join(of.Delete("k"), of.Save(t.Context())))
	}
	s.ok(errors.Join(of.Set("k", strings.Repeat("x", room-10)), of.Save(t.Context())))
	other := s.open(of)
	s.ok(other.Set("more", "than is left"))
	wantIs(t, "Save", other.Save(t.Context()), session.ErrTooLarge)
	wantIs(t, "Err", other.Err(), nil)
	wantKeys(t, s.open(of).Keys(), "k")
	s.ok(errors.Join(other.Delete("k"), other.Save(t.Context()))) // goes on, smaller
	wantKeys(t, s.open(of).Keys(), "more")
}

func TestConfiguredSize(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.MaxBytes = 8 << 20 })
	of := s.m.Create()
	s.ok(errors.Join(of.Set("k", strings.Repeat("x", 7<<20)), of.Save(t.Context())))
	wantKeys(t, s.open(of).Keys(), "k")
}
