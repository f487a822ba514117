package session_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// answered is what a framework does with BeginRequest: the handler returns the status that it means to answer.
func (b *browser) answered(handler func(*session.Session) int) (status int, err error) {
	b.t.Helper()
	x, err := b.m.BeginRequest(b.request())
	b.ok(err)
	defer x.Close()
	status = handler(session.FromContext(x.Context()))
	if err = x.CommitStatus(status); err != nil {
		status = session.StatusCode(err)
	}
	w := httptest.NewRecorder()
	x.Announce(w.Header())
	if cookie, caching := w.Header().Get("Set-Cookie"), w.Header().Get("Cache-Control"); cookie != "" && caching != "no-store" {
		b.t.Errorf("a response with a token has Cache-Control %q", caching)
	}
	b.take(w.Result())
	return status, err
}

// An Exchange of an HTTP request does what Handler does at the first byte.
func TestExchangeOverHTTP(t *testing.T) {
	s := newSite(t)
	b := s.browser()
	b.answered(func(of *session.Session) int {
		s.ok(errors.Join(of.Login("ann"), of.Set("k", 1)))
		return http.StatusOK
	})
	b.answered(func(of *session.Session) int {
		if of.Owner() != "ann" {
			t.Errorf("owner %q", of.Owner())
		}
		s.ok(of.Set("broken", 1))
		return http.StatusInternalServerError
	})
	status, err := b.answered(func(of *session.Session) int {
		if of.Set("callback", func() {}) == nil {
			t.Error("a func is stored")
		}
		return http.StatusUnprocessableEntity
	})
	if status != http.StatusUnprocessableEntity || err != nil {
		t.Errorf("status %d, %v: the handler's own 422 does not stand", status, err)
	}
	status, err = b.answered(func(of *session.Session) int {
		s.ok(errors.Join(of.Set("a", strings.Repeat("x", 600_000)), of.Set("b", strings.Repeat("x", 600_000))))
		return http.StatusOK
	})
	if wantIs(t, "CommitStatus", err, session.ErrTooLarge); status != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", status)
	}
	wantKeys(t, b.keys(), "k")
	b.answered(func(of *session.Session) int {
		s.ok(of.Destroy(t.Context()))
		return http.StatusNoContent
	})
	if b.token() != "" {
		t.Error("the cookie is left")
	}
}

// What the middleware refuses, an Exchange of an HTTP request refuses too.
func TestExchangeOverHTTPRefuses(t *testing.T) {
	t.Run("a foreign Origin", func(t *testing.T) {
		r := newSite(t).browser().request()
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"https://evil.example"}}
		_, err := newSite(t).m.BeginRequest(r)
		wantIs(t, "BeginRequest", err, session.ErrOrigin)
	})
	for _, path := range []string{"/", "/device/register"} {
		t.Run("a bound session without its proof at "+path, func(t *testing.T) {
			s := deviceSite(t)
			d := bound(t, s)
			r := httptest.NewRequest(http.MethodPost, "https://app.example.com"+path, nil)
			r.AddCookie(&http.Cookie{Name: hostCookie, Value: d.token()})
			x, err := s.m.BeginRequest(r)
			s.ok(err)
			defer x.Close()
			wantIs(t, "Err", x.Session().Err(), session.ErrUnproven)
		})
	}
}

// A handler that has failed saves nothing but what it has saved by itself, and the client hears of the token of that.
func TestExchangeDiscard(t *testing.T) {
	s := newSite(t)
	before := s.stored("a")
	x, err := s.m.Begin(t.Context(), before.ID().Reveal())
	s.ok(err)
	defer x.Close()
	s.ok(errors.Join(x.Session().Login("ann"), x.Session().Save(t.Context()), x.Session().Set("late", 1)))
	x.Discard()
	token, due := x.Token()
	if !due {
		t.Fatal("the client is locked out")
	}
	opened, err := s.m.Open(t.Context(), token)
	s.ok(err)
	wantKeys(t, opened.Keys(), "a")
	wantIs(t, "Generate", x.Session().Generate(), session.ErrNoCookie)
}

// Watch is for an Exchange too: until its Close, which Shutdown waits for.
func TestExchangeWatch(t *testing.T) {
	s := newSite(t)
	x, err := s.m.Begin(t.Context(), "")
	s.ok(err)
	s.ok(x.Session().Login("ann"))
	watching, err := session.Watch(x.Context())
	s.ok(err)
	if _, due := x.Token(); !due {
		t.Error("Watch has not committed")
	}
	_, err = s.m.RevokeOwner(t.Context(), "ann", session.Handle{})
	s.ok(err)
	select {
	case <-watching.Done():
		wantIs(t, "cause", context.Cause(watching), session.ErrRevoked)
	case <-time.After(10 * time.Second):
		t.Fatal("the context does not end with the session")
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	wantIs(t, "Shutdown before Close", s.m.Shutdown(gone), context.Canceled)
	x.Close()
	s.ok(s.m.Shutdown(t.Context()))
	_, err = session.Watch(x.Context())
	wantIs(t, "Watch after Close", err, session.ErrClosed)
}
