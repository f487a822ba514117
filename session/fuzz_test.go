package session

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/simples-go/sessions/session/memstore"
)

// FuzzCookie: whatever a Cookie header holds, it gives one token in its one spelling, none, or ErrAmbiguous.
func FuzzCookie(f *testing.F) {
	m, err := New(memstore.New(), Config{})
	if err != nil {
		f.Fatal(err)
	}
	token := strings.Repeat("Ab-_", 16)
	for _, seed := range []string{
		"", "__Host-Http-session=" + token, "a=b; __Host-Http-session=" + token, "__Host-Http-session=\"" + token + "\"",
		"__Host-Http-session=" + token + "; __Host-Http-session=" + token, "__Host-Http-session= " + token, "__Host-Http-session=%41" + token[3:],
		"__Host-Http-session", "__Host-Http-session=;;=", "x__Host-Http-session=" + token, "__Host-Http-session=" + token + "\x00",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		found, err := m.find(&http.Request{Header: http.Header{"Cookie": {line}}})
		if err != nil || len(found) > strings.Count(line, "__Host-Http-session=") {
			t.Errorf("%d cookies in %q: %v", len(found), line, err)
		}
		for _, token := range found {
			if !strings.Contains(line, "__Host-Http-session="+token.encode()) {
				t.Errorf("%q gives a token that it does not hold", line)
			}
		}
	})
}

// FuzzKey: a key is refused, or comes back as it is.
func FuzzKey(f *testing.F) {
	for _, seed := range []string{"", "a", "__proto__", `a"b`, "a.b", "$", "[0]", `\`, "\x00", "\xff", "é", "\u2028", "a\nb"} {
		f.Add(seed, seed)
	}
	m, err := New(memstore.New(), Config{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		s := m.NewSession()
		valid := utf8.ValidString(key) && utf8.ValidString(value) && !strings.Contains(key+value, "\x00")
		if err := s.Set(key, value); (err == nil) != valid {
			t.Fatalf("Set(%q, %q): %v", key, value, err)
		}
		if !valid {
			if err := s.Save(t.Context()); !errors.Is(err, ErrValue) || s.Len() != 0 {
				t.Errorf("Save: %v, %d entries", err, s.Len())
			}
			return
		}
		if err := errors.Join(s.Save(t.Context()), s.Load(t.Context())); err != nil {
			t.Fatal(err)
		}
		if got, err := Get[string](s, key); got != value || err != nil {
			t.Errorf("entry %q: %q, want %q, %v", key, got, value, err)
		}
	})
}

// FuzzDeviceStamp: whatever stands in a proof's cookie or as a challenge, it is no time that a key has stamped.
func FuzzDeviceStamp(f *testing.F) {
	key, row, at := make([]byte, macBytes), Handle{1}, time.Unix(1_700_000_000, 0)
	right := stamped(key, purposeProof, row, at)
	for _, seed := range []string{"", right, right[1:], right[:53] + "\n", strings.Repeat("\n", 54), "\r\n" + right[2:], strings.Repeat("A", 54)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if made, ok := unstamp(key, purposeProof, row, text); ok && !made.Equal(at) {
			t.Errorf("%q is taken", text)
		}
	})
}

// FuzzDeviceProof: whatever a browser sends as a proof is refused or parsed, in bounded time, and verified by no key that
// has not signed it.
func FuzzDeviceProof(f *testing.F) {
	for _, seed := range []string{
		"", "..", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJqdGkiOiJjIn0.AAAA",
		"eyJhbGciOiJSUzI1NiIsInR5cCI6ImRic2Mrand0IiwiandrIjp7Imt0eSI6IlJTQSIsIm4iOiJBUSIsImUiOiJBUUFCIn19.eyJqdGkiOiJjIn0.AAAA",
	} {
		f.Add(seed)
	}
	f.Add("eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0." +
		base64.RawURLEncoding.EncodeToString([]byte(`{"jti":"`+strings.Repeat(`\n`, 54)+`"}`)) + ".AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		jwt, err := parseJWT(text)
		if err != nil {
			return
		}
		if _, ok := unstamp(make([]byte, macBytes), purposeChallenge, Handle{}, jwt.challenge); ok {
			t.Errorf("%q has a stamp that nobody has made", jwt.challenge)
		}
		if len(text) > maxJWT || jwt.alg != es256 && jwt.alg != rs256 {
			t.Errorf("%q is taken", text)
		}
		if public, err := jwt.public(); err == nil {
			if _, err := parsePublic(public.alg, public.der); err != nil {
				t.Errorf("a key that was taken is not read again: %v", err)
			}
			public.verify(jwt.signed, jwt.signature)
		}
	})
}

// What is too long for a proof costs nothing.
func TestAMegabyteOfDots(t *testing.T) {
	dots := strings.Repeat(".", 1<<20)
	if n := testing.AllocsPerRun(10, func() { _, _ = parseJWT(dots) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
