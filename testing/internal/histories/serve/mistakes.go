package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Mistakes are deliberate faults of a store, each of which breaks a promise. The trial has to find every one.
var Mistakes = map[string]func(whole) whole{
	"writes the whole row":                func(w whole) whole { return wholeRow{w} },
	"brings back what is destroyed":       func(w whole) whole { return resurrect{w} },
	"opens by an old token":               func(w whole) whole { return &oldOpens{whole: w} },
	"acknowledges what it does not save":  func(w whole) whole { return &forgetful{whole: w} },
	"revokes nothing":                     func(w whole) whole { return noRevoke{w} },
	"answers a load from a cache":         func(w whole) whole { return &cached{whole: w} },
	"reads, modifies and writes unlocked": func(w whole) whole { return unlocked{w} },
	"forgets that it has rotated":         func(w whole) whole { return noGrace{w} },
	"forgets a session's timeouts":        func(w whole) whole { return immortal{w} },
	"knows no limit of an owner":          func(w whole) whole { return limitless{w} },
	"saves after it has answered":         func(w whole) whole { return late{w} },
	"saves key by key":                    func(w whole) whole { return halves{w} },
	"destroys nothing":                    func(w whole) whole { return noDelete{w} },
	"does not tell sockets":               func(w whole) whole { return &silent{whole: w} },
}

func mistaken(w whole, name string) whole {
	if name == "" {
		return w
	}
	make, ok := Mistakes[name]
	if !ok {
		panic(fmt.Sprintf("no mistake is called %q", name))
	}
	return make(w)
}

type wholeRow struct{ whole }

func (m wholeRow) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	r, err := m.Load(ctx, ref)
	if err != nil {
		return store.Saved{}, err
	}
	time.Sleep(time.Millisecond)
	data := map[string]json.RawMessage{}
	if err := json.Unmarshal(r.Data, &data); err != nil {
		return store.Saved{}, err
	}
	if c.Clear {
		clear(data)
	}
	for _, key := range c.Delete {
		delete(data, key)
	}
	for key, value := range c.Set {
		data[key] = value
	}
	c.Clear, c.Set, c.Delete = true, data, nil
	return m.whole.Save(ctx, ref, c)
}

type resurrect struct{ whole }

func (m resurrect) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	saved, err := m.whole.Save(ctx, ref, c)
	if errors.Is(err, store.ErrGone) && !errors.Is(err, store.ErrRotated) {
		return m.Create(ctx, ref, c)
	}
	return saved, err
}

type oldOpens struct {
	whole
	newest sync.Map // of each old hash
}

func (m *oldOpens) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	saved, err := m.whole.Save(ctx, ref, c)
	if err == nil && c.Rotate != nil {
		m.newest.Store(ref.Hash, *c.Rotate)
	}
	return saved, err
}

func (m *oldOpens) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	if next, ok := m.newest.Load(ref.Hash); ok {
		ref.Hash = next.(store.Hash)
	}
	return m.whole.Load(ctx, ref)
}

type forgetful struct {
	whole
	n atomic.Int64
}

func (m *forgetful) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	if m.n.Add(1)%20 != 0 {
		return m.whole.Save(ctx, ref, c)
	}
	r, err := m.Load(ctx, ref)
	return r.Saved(r.Now), err
}

type noRevoke struct{ whole }

func (m noRevoke) Revoke(context.Context, store.Selector) ([]store.Handle, error) { return nil, nil }

type cached struct {
	whole
	n    atomic.Int64
	seen sync.Map
}

func (m *cached) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	if old, ok := m.seen.Load(ref.Hash); ok && m.n.Add(1)%10 == 0 {
		return old.(store.Record), nil
	}
	r, err := m.whole.Load(ctx, ref)
	if err == nil {
		m.seen.Store(ref.Hash, r)
	}
	return r, err
}

type unlocked struct{ whole }

func (m unlocked) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	c.IfVersion = 0
	return m.whole.Save(ctx, ref, c)
}

type noGrace struct{ whole }

func (m noGrace) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	r, err := m.whole.Load(ctx, ref)
	if errors.Is(err, store.ErrRotated) {
		err = store.ErrGone
	}
	return r, err
}

type immortal struct{ whole }

func (m immortal) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	c.Idle, c.Absolute = nil, nil
	return m.whole.Create(ctx, ref, c)
}

type limitless struct{ whole }

func (m limitless) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	ref.Policy.Owner = store.OwnerLimit{}
	return m.whole.Save(ctx, ref, c)
}

type late struct{ whole }

func (m late) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	r, err := m.Load(ctx, ref)
	if err != nil || c.Rotate != nil || c.IfVersion != 0 {
		return m.whole.Save(ctx, ref, c)
	}
	go func() {
		time.Sleep(20 * time.Millisecond)
		_, _ = m.whole.Save(context.WithoutCancel(ctx), ref, c)
	}()
	r.Version++
	return r.Saved(r.Now), nil
}

type halves struct{ whole }

func (m halves) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	if len(c.Set) < 2 || c.Clear {
		return m.whole.Save(ctx, ref, c)
	}
	for key, value := range c.Set {
		first := c
		first.Set, first.Rotate = map[string]json.RawMessage{key: value}, nil
		if saved, err := m.whole.Save(ctx, ref, first); err != nil {
			return saved, err
		}
		break
	}
	time.Sleep(2 * time.Millisecond)
	c.IfVersion = 0
	return m.whole.Save(ctx, ref, c)
}

type noDelete struct{ whole }

func (m noDelete) Delete(context.Context, store.Ref) error { return nil }

// silent keeps from the manager what happens to sessions with open sockets.
type silent struct {
	whole
	seen sync.Map
}

func (m *silent) Watch(ctx context.Context, _ func(store.Event)) error {
	<-ctx.Done()
	return ctx.Err()
}

func (m *silent) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	records, err := m.whole.Inspect(ctx, keys)
	for _, r := range records {
		m.seen.LoadOrStore(r.Key, r)
	}
	records = nil
	for _, key := range keys {
		if r, ok := m.seen.Load(key); ok {
			records = append(records, r.(store.Record))
		}
	}
	return records, err
}
