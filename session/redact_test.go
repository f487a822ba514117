package session_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// spellings are the ways in which a secret could stand in a text.
func spellings(t *testing.T, token string) []string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != 48 {
		t.Fatalf("not a token: %v", err)
	}
	secret := raw[16:28]
	decimal := strings.Trim(fmt.Sprint(secret), "[]")
	syntax := strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", secret), "[]byte{"), "}")
	return []string{
		token[22:40], hex.EncodeToString([]byte(token[22:40])), hex.EncodeToString(secret), decimal,
		strings.ReplaceAll(decimal, " ", ","), strings.ReplaceAll(decimal, " ", ", "), syntax, fmt.Sprintf("% x", secret),
		fmt.Sprintf("% #x", secret), string(secret), base64.StdEncoding.EncodeToString(secret),
		fmt.Sprintf("% x", token[22:40]), fmt.Sprintf("% #x", token[22:40]), strings.Trim(fmt.Sprintf("%+q", secret), `"`),
		strings.Trim(fmt.Sprintf("%q", secret), `"`), strings.Trim(fmt.Sprintf("%b", secret), "[]"),
		strings.Trim(fmt.Sprintf("%o", secret), "[]"), strings.Trim(fmt.Sprintf("%U", secret), "[]"),
		odd("%t", secret), odd("%e", secret),
	}
}

// odd is what fmt makes of bytes under a verb that does not fit, without the brackets.
func odd(verb string, secret []byte) string { return strings.Trim(fmt.Sprintf(verb, secret), "[]") }

func wantRedacted(t *testing.T, what, text string, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		for i, spelling := range spellings(t, token) {
			if strings.Contains(strings.ToLower(text), strings.ToLower(spelling)) {
				t.Errorf("%s gives the token away, in spelling %d", what, i)
			}
		}
	}
}

// The check itself finds a secret that is printed.
func TestSpellingsAreFound(t *testing.T) {
	raw := make([]byte, 48)
	for i := range raw {
		raw[i] = byte(0x90 + i) // no text in UTF-8, of which an escape could cut a part off
	}
	token := base64.RawURLEncoding.EncodeToString(raw)
	for _, verb := range verbs {
		for _, value := range []any{token, raw, struct{ secret []byte }{raw[16:]}} {
			text, found := strings.ToLower(fmt.Sprintf(verb, value)), false
			for _, spelling := range spellings(t, token) {
				found = found || strings.Contains(text, strings.ToLower(spelling))
			}
			if address := verb == "%p" && !strings.HasPrefix(text, "%!p"); !found && !address {
				t.Errorf("%s of a %T is not found: %.80s", verb, value, text)
			}
		}
	}
}

var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b", "%o", "%t", "%p", "%e", "%U", "% x",
	"%# x", "%+q"}

// holder has a session and what belongs to it in fields that are exported and in others.
type holder struct {
	Session *session.Session
	ID      session.ID
	Context context.Context
	Any     any
	session *session.Session
	id      session.ID
	ids     []session.ID
	byName  map[string]session.ID
	ctx     context.Context
	any     any
	err     error
}

// printed returns everything of a session that might be printed by mistake.
func printed(s *session.Session, ctx context.Context, w http.ResponseWriter, err error) map[string]any {
	id := s.ID()
	held := holder{
		Session: s, ID: id, Context: ctx, Any: id, session: s, id: id, ids: []session.ID{id},
		byName: map[string]session.ID{"id": id}, ctx: ctx, any: s, err: err,
	}
	return map[string]any{
		"session": s, "id": id, "id's address": &id, "context": ctx, "error": err, "response": w, "handle": s.Handle(),
		"derived context": context.WithValue(ctx, &held, s), "holder": held, "holder's address": &held,
		"array": [1]session.ID{id}, "map key": map[session.ID]int{id: 1}, "store": s.Store(),
		"err in err": fmt.Errorf("wrapped: %w, %v", err, id), "all": []any{s, id, ctx, held, err},
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	s := newSite(t)
	b := s.browser(s.stored("a"))
	before := b.token()
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		of := session.FromContext(r.Context())
		s.ok(errors.Join(of.Generate(), of.Set("k", 1))) // so that there are two tokens, one of them pending
		s.store.failBefore(errDown, "save")
		err := of.Save(r.Context())
		wantIs(t, "Save", err, errDown)
		s.store.failBefore(nil)
		for name, value := range printed(of, r.Context(), w, err) {
			for _, verb := range verbs {
				wantRedacted(t, verb+" of "+name, fmt.Sprintf(verb, value), before, of.ID().Reveal())
			}
			wantRedacted(t, "the log of "+name, logged(t, value), before, of.ID().Reveal())
			if text, err := json.Marshal(value); err == nil {
				wantRedacted(t, "JSON of "+name, string(text), before, of.ID().Reveal())
			}
		}
		if text := fmt.Sprint(of.ID()); !strings.Contains(text, of.Handle().String()) {
			t.Errorf("the redacted ID does not name the row: %q", text)
		}
	})
	wantRedacted(t, "the manager", fmt.Sprintf("%+v %#v", s.m, *s.m), before, b.token())
}

// logged is what slog makes of a value, as text and as JSON.
func logged(t *testing.T, value any) string {
	t.Helper()
	var b bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&b, nil), slog.NewJSONHandler(&b, nil)} {
		logger := slog.New(handler).With("with", value)
		logger.Info("value", "value", value, slog.Group("group", "value", value), slog.Any("slice", []any{value}))
		logger.Info(fmt.Sprint(value))
	}
	return b.String()
}

// No error of any operation has a token in it.
func TestErrorsHaveNoToken(t *testing.T) {
	for name, do := range map[string]func(context.Context, *session.Session) error{
		"Load":    func(ctx context.Context, s *session.Session) error { return s.Load(ctx) },
		"Save":    func(ctx context.Context, s *session.Session) error { return errors.Join(s.Set("k", 1), s.Save(ctx)) },
		"rotate":  func(ctx context.Context, s *session.Session) error { return errors.Join(s.Generate(), s.Save(ctx)) },
		"Update":  func(ctx context.Context, s *session.Session) error { return s.Update(ctx) },
		"Destroy": func(ctx context.Context, s *session.Session) error { return s.Destroy(ctx) },
		"Modify":  func(_ context.Context, s *session.Session) error { return increment(s) },
	} {
		for _, cause := range []error{errDown, session.ErrGone, session.ErrRotated, session.ErrCorrupt, context.Canceled} {
			t.Run(name+" "+cause.Error(), func(t *testing.T) {
				s := newSite(t)
				of := s.open(s.stored("a"))
				token, handle := of.ID().Reveal(), of.Handle().String()
				s.store.failBefore(cause, "load", "save", "touch", "delete", "lock")
				err := do(t.Context(), of)
				if wantIs(t, name, err, cause); err != nil && !strings.Contains(err.Error(), handle) {
					t.Errorf("%v does not name the session", err)
				}
				for _, verb := range verbs {
					wantRedacted(t, verb+" of the error", fmt.Sprintf(verb, err), token)
				}
				for ; err != nil; err = errors.Unwrap(err) {
					wantRedacted(t, "a part of the error", fmt.Sprintf("%+v %#v", err, err), token)
				}
			})
		}
	}
}

// The log of a request in which everything fails names the session by its handle alone.
func TestLogHasNoToken(t *testing.T) {
	s := newSite(t)
	live := s.stored("a")
	for _, op := range []string{"load", "save"} {
		s.store.failBefore(errDown, op)
		s.browser(live).visit(func(_ http.ResponseWriter, r *http.Request) {
			of := session.FromContext(r.Context())
			s.ok(errors.Join(of.Set("k", 1), of.Generate()))
		})
	}
	log := s.log.String()
	wantRedacted(t, "the log", log, live.ID().Reveal())
	if !strings.Contains(log, live.Handle().String()) || strings.Count(log, "\n") < 2 {
		t.Errorf("the log does not name the session: %q", log)
	}
}
