package session_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A load that is cancelled takes its connection to the database with it. So a client that leaves does not end the one at
// the beginning of its request; a deadline of the request does.
func TestAClientThatLeavesDoesNotEndItsLoad(t *testing.T) {
	for name, c := range map[string]struct {
		parent func(context.Context) (context.Context, context.CancelFunc)
		ends   bool
	}{
		"without a deadline": {context.WithCancel, false},
		"with one": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			b := s.browser(s.stored("name"))
			ctx, leave := c.parent(t.Context())
			var during error
			var bounded bool
			s.store.hook(func(ctx context.Context, _ string) error {
				leave()
				_, bounded = ctx.Deadline()
				during = ctx.Err()
				return nil
			})
			s.m.Handler(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), b.request().WithContext(ctx))
			if (during != nil) != c.ends || !bounded {
				t.Errorf("the load's context: %v, bounded %v", during, bounded)
			}
		})
	}
}
