package simulate

import (
	"context"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// gate is the store of one node: each call waits for the scheduler before it takes effect, and before it returns.
type gate struct {
	*memstore.Store
	s *scheduler
}

func through[T any](ctx context.Context, g gate, call func() (T, error)) (T, error) {
	var none T
	if err := g.s.pass(ctx); err != nil {
		return none, err
	}
	got, err := call()
	if err := g.s.pass(ctx); err != nil {
		return none, err
	}
	return got, err
}

func (g gate) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return through(ctx, g, func() (store.Record, error) { return g.Store.Load(ctx, ref) })
}

func (g gate) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return through(ctx, g, func() (store.Saved, error) { return g.Store.Create(ctx, ref, c) })
}

func (g gate) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return through(ctx, g, func() (store.Saved, error) { return g.Store.Save(ctx, ref, c) })
}

func (g gate) SaveLocked(ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error)) (
	store.Saved, error,
) {
	return through(ctx, g, func() (store.Saved, error) { return g.Store.SaveLocked(ctx, ref, fn) })
}

func (g gate) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return through(ctx, g, func() (store.Saved, error) { return g.Store.Touch(ctx, ref) })
}

func (g gate) Delete(ctx context.Context, ref store.Ref) error {
	_, err := through(ctx, g, func() (struct{}, error) { return struct{}{}, g.Store.Delete(ctx, ref) })
	return err
}

func (g gate) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	return through(ctx, g, func() ([]store.Record, error) { return g.Store.Inspect(ctx, keys) })
}

func (g gate) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	return through(ctx, g, func() ([]store.Handle, error) { return g.Store.Revoke(ctx, which) })
}

// Watch holds each event up until the scheduler lets it through.
func (g gate) Watch(ctx context.Context, fn func(store.Event)) error {
	return g.Store.Watch(ctx, func(e store.Event) {
		_ = g.s.pass(ctx)
		fn(e)
	})
}
