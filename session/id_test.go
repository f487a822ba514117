package session

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestTokenRoundTrip(t *testing.T) {
	want := newToken(time.Now())
	text := want.encode()
	if len(text) != 64 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("a token is spelled %d characters long", len(text))
	}
	got, ok := parseToken(text)
	if !ok || *got != *want {
		t.Error("a token does not parse back to itself")
	}
}

// A cookie comes from the other side and may be anything.
func TestTokenHasOneSpelling(t *testing.T) {
	good := newToken(time.Now()).encode()
	for name, text := range map[string]string{
		"empty":                   "",
		"one character short":     good[:63],
		"one character long":      good + "A",
		"no base64url":            good[:63] + "+",
		"no base64url either":     good[:63] + "/",
		"padded":                  good[:62] + "==",
		"padded beyond":           good + "=",
		"quoted":                  `"` + good + `"`,
		"quoted in its length":    `"` + good[:62] + `"`,
		"a leading space":         " " + good,
		"a leading space within":  " " + good[:63],
		"a trailing space within": good[:63] + " ",
		"NUL":                     good[:63] + "\x00",
		"a control character":     good[:30] + "\x1b" + good[31:],
		"a line break":            good[:32] + "\n" + good[32:],
		"a line break within":     good[:32] + "\n" + good[33:],
		"carriage returns within": good[:60] + "\r\r\r\r",
		"line breaks alone":       strings.Repeat("\n", 64),
		"percent-encoded":         "%41" + good[1:],
		"percent-encoded within":  "%41" + good[3:],
		"not ASCII":               good[:62] + "é",
		"64 KB":                   strings.Repeat("A", 1<<16),
		"a stored hash, in hex":   hex.EncodeToString(make([]byte, 32)),
		"SQL":                     "'; drop table sessions; --",
		"a path":                  "../../../../../../../../../../../../../../../../../../../etc/passwd",
	} {
		if _, ok := parseToken(text); ok && name != "a stored hash, in hex" {
			t.Errorf("%s parses as a token", name)
		}
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(newToken(time.Now()).encode())
	f.Add(strings.Repeat("\n", 64))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := parseToken(text)
		raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
		spelled := err == nil && len(raw) == tokenBytes && len(text) == tokenChars
		if ok != spelled {
			t.Fatalf("parsed: %v; base64url of %d bytes: %v", ok, len(raw), spelled)
		}
		if ok && got.encode() != text {
			t.Fatal("a token has a second spelling")
		}
	})
}

func TestNewTokens(t *testing.T) {
	now := time.UnixMilli(0x0123_4567_89ab)
	seen := map[token]bool{}
	for range 1000 {
		tok := newToken(now)
		h := tok.handle()
		if got := hex.EncodeToString(h[:6]); got != "0123456789ab" {
			t.Fatalf("the row key begins with %s, not with the time", got)
		}
		if h[6]>>4 != 7 || h[8]>>6 != 2 {
			t.Fatalf("%v is no UUID of version 7", h)
		}
		if seen[*tok] {
			t.Fatal("a token came twice")
		}
		seen[*tok] = true
	}
}

func TestRotatedTokenKeepsTheRow(t *testing.T) {
	old := newToken(time.Now())
	next := old.rotated()
	if next.handle() != old.handle() {
		t.Error("a rotation has changed the row key")
	}
	if bytes.Equal(next[handleBytes:], old[handleBytes:]) || next.hash("r") == old.hash("r") {
		t.Error("a rotation has left the secret")
	}
}

func TestHashIsOfRealmAndSecret(t *testing.T) {
	tok := newToken(time.Now())
	want := sha256.Sum256(append([]byte("realm\x00"), tok[handleBytes:]...))
	if tok.hash("realm") != want {
		t.Error("the hash is not SHA-256 of realm, zero byte and secret")
	}
	if tok.hash("realm") == tok.hash("other") || tok.hash("") == tok.hash("realm") {
		t.Error("two realms share a hash")
	}
	long := strings.Repeat("r", 500)
	if want := sha256.Sum256(append([]byte(long+"\x00"), tok[handleBytes:]...)); tok.hash(long) != want {
		t.Error("a long realm is hashed otherwise")
	}
}

func TestIDRedactsItself(t *testing.T) {
	tok := newToken(time.Now())
	id := newID(tok)
	type holder struct {
		Public  ID
		private ID
		ptr     *ID
	}
	values := map[string]any{
		"value": id, "pointer": &id, "struct": holder{id, id, &id}, "pointer to struct": &holder{id, id, &id},
		"slice": []ID{id}, "map": map[string]ID{"a": id}, "error": fmt.Errorf("what: %v", id), "interface": any(id),
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%d", "%o", "%b", "%20v", "%T", "%s", "%q", "%t", "%e", "%U", "%c"} {
			hides(t, tok, name+" "+verb, fmt.Sprintf(verb, v))
		}
		var out bytes.Buffer
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "id", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "id", v)
		hides(t, tok, name+" logged", out.String())
		text, err := json.Marshal(v)
		hides(t, tok, name+" as JSON", fmt.Sprint(string(text), err))
	}
	for _, verb := range []string{"%s", "%q", "%c", "%U", "%t", "%p"} {
		hides(t, tok, verb, fmt.Sprintf(verb, id))
		hides(t, tok, verb, fmt.Sprintf(verb, []any{&id, map[string]ID{"a": id}}))
	}
	if id.Reveal() != tok.encode() {
		t.Error("Reveal does not return the token")
	}
}

// hides checks that text has no spelling of the secret.
func hides(t *testing.T, tok *token, what, text string) {
	t.Helper()
	secret := tok[handleBytes:]
	decimals := strings.Trim(fmt.Sprint(secret[:8]), "[]")
	for _, spelling := range []string{
		tok.encode()[24:], string(secret), hex.EncodeToString(secret), base64.StdEncoding.EncodeToString(secret), decimals,
		strings.ReplaceAll(decimals, " ", ", "), strings.ReplaceAll(decimals, " ", ","),
	} {
		if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
			t.Errorf("%s shows the secret", what)
		}
	}
}

func TestZeroID(t *testing.T) {
	var id ID
	if !id.IsZero() || id.Reveal() != "" || !id.Handle().IsZero() || id.String() != "session.ID(none)" {
		t.Errorf("the zero ID is %v", id)
	}
	some := newID(newToken(time.Now()))
	if some.IsZero() || id.Equal(some) || some.Equal(id) || !id.Equal(ID{}) {
		t.Error("the zero ID is taken for another")
	}
}

func TestIDEqual(t *testing.T) {
	a := newToken(time.Now())
	b := *a
	if !newID(a).Equal(newID(&b)) {
		t.Error("two copies of a token are not equal")
	}
	if newID(a).Equal(newID(a.rotated())) {
		t.Error("a rotated token is equal to the one before")
	}
}

func TestHandleHasOneSpelling(t *testing.T) {
	h := newToken(time.Now()).handle()
	h[0] = 0xab
	text := h.String()
	if len(text) != 36 || strings.Count(text, "-") != 4 {
		t.Errorf("%q is no UUID", text)
	}
	if got, err := ParseHandle(text); err != nil || got != h {
		t.Errorf("ParseHandle: %v, %v", got, err)
	}
	for _, other := range []string{
		"", strings.ToUpper(text), strings.ReplaceAll(text, "-", ""), "{" + text + "}", text + " ", text[1:], text + "0", "-" + text[:35],
		strings.Replace(text, "-", "", 1), "urn:uuid:" + text, strings.Replace(text, "a", "g", 1), strings.Repeat("a", 1<<16),
	} {
		got, err := ParseHandle(other)
		if err == nil || !got.IsZero() {
			t.Errorf("ParseHandle(%.40q) is %v", other, got)
			continue
		}
		// A client may send a token in its place, or a megabyte.
		if said := err.Error(); len(said) > 100 || len(other) > 8 && strings.Contains(said, other[:8]) {
			t.Errorf("ParseHandle(%.40q) says %.200q", other, said)
		}
	}
}

func TestHandleAsText(t *testing.T) {
	want := struct{ H Handle }{newToken(time.Now()).handle()}
	text, err := json.Marshal(want)
	if err != nil || string(text) != `{"H":"`+want.H.String()+`"}` {
		t.Fatalf("%s, %v", text, err)
	}
	got := want
	got.H = Handle{}
	if err := json.Unmarshal(text, &got); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
	kept := got
	if err := json.Unmarshal([]byte(`{"H":"no"}`), &got); err == nil || got != kept {
		t.Errorf("what is no handle was read as %v, %v", got, err)
	}
}

func FuzzParseHandle(f *testing.F) {
	f.Add("01234567-89ab-7def-8123-456789abcdef")
	f.Fuzz(func(t *testing.T, text string) {
		if h, err := ParseHandle(text); err == nil && h.String() != text {
			t.Errorf("%q is a second spelling of %v", text, h)
		}
	})
}

func TestEndingsAreGone(t *testing.T) {
	for _, err := range []error{ErrExpired, ErrRotated, ErrDestroyed, ErrRevoked} {
		if !errors.Is(fmt.Errorf("loading: %w", err), ErrGone) {
			t.Errorf("%v is not ErrGone", err)
		}
		for _, other := range []error{ErrExpired, ErrRotated, ErrDestroyed, ErrRevoked} {
			if errors.Is(err, other) != (err == other) {
				t.Errorf("%v and %v are not told apart", err, other)
			}
		}
		if errors.Is(ErrGone, err) {
			t.Errorf("ErrGone is %v", err)
		}
	}
}
