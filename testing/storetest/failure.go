package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func failureRules() []rule {
	return []rule{
		{
			name: "an ended context is an error and writes nothing",
			text: "A call whose context has ended before it is an error that says so, matches no sentinel, and changes nothing.",
			test: endedContext,
		},
	}
}

func sentinels() []error {
	return []error{
		store.ErrGone, store.ErrExists, store.ErrConflict, store.ErrTooLarge, store.ErrCorrupt, store.ErrOwnerLimit,
		session.ErrValue, session.ErrClosed, session.ErrNoCookie,
	}
}

func endedContext(e *env) {
	overdue, cancel := context.WithDeadline(e.ctx, time.Now().Add(-time.Second))
	defer cancel()
	e.withContext(ended(e.ctx), context.Canceled)
	e.withContext(overdue, context.DeadlineExceeded)
}

func (e *env) withContext(ctx context.Context, want error) {
	ref, unborn := e.created(set("a", `1`)), e.ref()
	before := e.load(ref)
	for what, call := range map[string]func() error{
		"Load":   func() error { _, err := e.Store.Load(ctx, ref); return err },
		"Create": func() error { _, err := e.Store.Create(ctx, unborn, set("a", `1`)); return err },
		"Save":   func() error { _, err := e.Store.Save(ctx, ref, set("a", `2`)); return err },
		"Touch":  func() error { _, err := e.Store.Touch(ctx, ref); return err },
		"Delete": func() error { return e.Store.Delete(ctx, ref) },
	} {
		err := call()
		e.failed(err, want, ref, what)
		for _, sentinel := range sentinels() {
			if errors.Is(err, sentinel) {
				e.Errorf("%s: the error %v matches %v", what, err, sentinel)
			}
		}
	}
	e.unchanged(ref, before)
	e.refuses(unborn, store.ErrGone)
}

// ended returns a context that has been cancelled.
func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}
