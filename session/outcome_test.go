package session_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func TestOutcomeOf(t *testing.T) {
	for _, c := range []struct {
		want session.Outcome
		text string
		errs []error
	}{
		{session.OK, "ok", []error{nil}},
		{session.Refused, "refused", []error{
			session.ErrGone, session.ErrExpired, session.ErrRotated, session.ErrDestroyed, session.ErrRevoked, session.ErrUnproven,
			session.ErrTooLarge, session.ErrOwnerLimit, session.ErrAmbiguous, session.ErrOrigin,
			session.ErrImportRefused, store.ErrReused, store.ErrConflict, store.ErrExists,
		}},
		{session.Failed, "failed", []error{
			session.ErrValue, session.ErrNoCookie, session.ErrClosed, session.ErrCorrupt, session.ErrSealed,
			errDown, errors.ErrUnsupported, context.DeadlineExceeded, errors.Join(session.ErrGone, session.ErrValue),
		}},
		{session.Cancelled, "cancelled", []error{context.Canceled, session.ErrShutdown}},
	} {
		for _, err := range c.errs {
			if got := session.OutcomeOf(err); got != c.want || got.String() != c.text {
				t.Errorf("%v: %v, want %s", err, got, c.text)
			}
			if wrapped := fmt.Errorf("load: %w", err); err != nil && session.OutcomeOf(wrapped) != c.want {
				t.Errorf("%v, wrapped: %v, want %s", err, session.OutcomeOf(wrapped), c.text)
			}
		}
	}
}

// A rotation whose client has gone is not saved, and nobody need be woken for it, whatever its context says.
func TestAClientThatHasGoneIsACancelledOutcome(t *testing.T) {
	var told error
	s := newSite(t, func(c *session.Config) {
		c.ErrorHandler = func(_ http.ResponseWriter, _ *http.Request, err error) { told = err }
	})
	b := s.browser(s.stored("name"))
	ctx, leave := context.WithCancelCause(t.Context())
	s.m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.ok(session.FromContext(r.Context()).Renew())
		leave(errors.New("left"))
	})).ServeHTTP(httptest.NewRecorder(), b.request().WithContext(ctx))
	if told == nil || session.OutcomeOf(told) != session.Cancelled {
		t.Errorf("%v: %v", told, session.OutcomeOf(told))
	}
}
