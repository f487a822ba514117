package session_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
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
		if of.Len() != 0 || !of.IsNew() || of.Err() != nil {
			t.Errorf("%d entries, new %v, %v", of.Len(), of.IsNew(), of.Err())
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
	if err != nil || len(records) != 1 || records[0].Hash == (store.Hash{}) {
		t.Fatalf("%d rows, %v", len(records), err)
	}
	hash := records[0].Hash
	wantFresh(t, s, base64.RawURLEncoding.EncodeToString(append(key[:], hash[:]...)), true)
	wantFresh(t, s, base64.RawURLEncoding.EncodeToString(hash[:]), false)
	wantFresh(t, s, key.String(), false)
	wantSecret(t, "the row", fmt.Sprintf("%+v", records), of.ID().Reveal())
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
	*memstore.Store
	data string
}

func (r *rows) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	rec, err := r.Store.Load(ctx, ref)
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
			store := &rows{Store: memstore.New()}
			m := newManager(t, store, session.Config{Logger: discard()})
			made := m.NewSession()
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
			err := made.Load(t.Context())
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
	store := &rows{Store: memstore.New(), data: "null"}
	m := newManager(t, store, session.Config{})
	made := m.NewSession()
	if err := errors.Join(made.Set("a", 1), made.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	if ended, err := m.Revoke(t.Context(), made.Handle()); !ended || err != nil || store.Len() != 0 {
		t.Errorf("Revoke: %v, %v", ended, err)
	}
}
