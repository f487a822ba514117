package session_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/simples-go/sessions/session"
)

// A failure of the database says nothing of the token that was asked for. Taken for a sign that it opens the row, it once
// had a response bring a token that never opened anything, over the one that a sibling had just brought.
func TestFailureConfirmsNoToken(t *testing.T) {
	for op, use := range map[string]func(*testing.T, *site, *session.Session){
		"save":  func(*testing.T, *site, *session.Session) {},
		"load":  func(t *testing.T, _ *site, of *session.Session) { _ = of.Load(t.Context()) },
		"touch": func(t *testing.T, _ *site, of *session.Session) { _ = of.Touch(t.Context()) },
	} {
		t.Run(op, func(t *testing.T) {
			s := newSite(t)
			winner, loser := s.browser(s.stored("a")), s.browser()
			loser.cookies[hostCookie] = winner.token()
			w := loser.visit(func(_ http.ResponseWriter, r *http.Request) {
				of := session.FromContext(r.Context())
				s.ok(of.Generate())
				s.store.failBefore(errDown, "save")
				wantIs(t, "Save", of.Save(t.Context()), errDown)
				s.store.failBefore(nil)
				winner.use(generate)
				s.store.hook(failSecond(op))
				use(t, s, of)
			})
			wantNoCookie(t, w)
			wantStatus(t, w, http.StatusConflict)
			wantKeys(t, winner.keys(), "a")
		})
	}
}

// failSecond fails the second operation of that name: the first is by the token from before, the second by the one that is
// to come.
func failSecond(of string) func(context.Context, string) error {
	n := 0
	return func(_ context.Context, op string) error {
		if op == of {
			n++
		}
		if op == of && n == 2 {
			return errDown
		}
		return nil
	}
}
