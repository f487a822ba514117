package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// broken is a memory store of which single methods can be replaced by wrong ones.
type broken struct {
	*memstore.Store
	onLoad    func(context.Context, store.Ref) (store.Record, error)
	onCreate  func(context.Context, store.Ref, store.Change) (store.Saved, error)
	onSave    func(context.Context, store.Ref, store.Change) (store.Saved, error)
	onTouch   func(context.Context, store.Ref) (store.Saved, error)
	onDelete  func(context.Context, store.Ref) error
	onLocked  func(context.Context, store.Ref, func(store.Record) (store.Change, error)) (store.Saved, error)
	onInspect func(context.Context, []store.Handle) ([]store.Record, error)
	onTouches func(context.Context, []store.Ref) error
	onWatch   func(context.Context, func(store.Event)) error
	onList    func(context.Context, store.Selector, []string, store.Policy) ([]store.Record, error)
	onRevoke  func(context.Context, store.Selector) ([]store.Handle, error)
	onCollect func(context.Context, store.CollectOptions) (store.CollectReport, error)
	onNow     func(context.Context) (time.Time, error)
}

// newBroken returns a store with nothing replaced yet.
func newBroken() *broken {
	m := memstore.New()
	return &broken{
		Store: m, onLoad: m.Load, onCreate: m.Create, onSave: m.Save, onTouch: m.Touch, onDelete: m.Delete, onLocked: m.SaveLocked,
		onInspect: m.Inspect, onTouches: m.TouchAll, onWatch: m.Watch, onList: m.Find, onRevoke: m.Revoke, onCollect: m.Collect,
		onNow: m.Now,
	}
}

func (b *broken) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return b.onLoad(ctx, ref)
}

func (b *broken) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return b.onCreate(ctx, ref, c)
}

func (b *broken) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return b.onSave(ctx, ref, c)
}

func (b *broken) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return b.onTouch(ctx, ref)
}

func (b *broken) Delete(ctx context.Context, ref store.Ref) error { return b.onDelete(ctx, ref) }

func (b *broken) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	return b.onLocked(ctx, ref, fn)
}

func (b *broken) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	return b.onInspect(ctx, keys)
}

func (b *broken) TouchAll(ctx context.Context, refs []store.Ref) error {
	return b.onTouches(ctx, refs)
}

func (b *broken) Watch(ctx context.Context, fn func(store.Event)) error { return b.onWatch(ctx, fn) }

func (b *broken) Find(ctx context.Context, owner store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
	return b.onList(ctx, owner, keys, p)
}

func (b *broken) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	return b.onRevoke(ctx, which)
}

func (b *broken) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	return b.onCollect(ctx, opts)
}

func (b *broken) Now(ctx context.Context) (time.Time, error) { return b.onNow(ctx) }

// anyHash returns ref with the hash that the row has, so that every secret opens it.
func (b *broken) anyHash(ref store.Ref) store.Ref {
	rows, _ := b.Store.Inspect(context.Background(), []store.Handle{ref.Key})
	if len(rows) == 1 {
		ref.Hash = rows[0].Hash
	}
	return ref
}

// at runs fn with the store's clock moved by d.
func (b *broken) at(d time.Duration, fn func()) {
	b.Advance(d)
	defer b.Advance(-d)
	fn()
}

// recorder is a testing.TB that fails by itself alone.
type recorder struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (r *recorder) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errors = append(r.errors, text)
}

func (r *recorder) Errorf(format string, args ...any) { r.note(fmt.Sprintf(format, args...)) }
func (r *recorder) Error(args ...any)                 { r.note(fmt.Sprint(args...)) }
func (r *recorder) Logf(string, ...any)               {}
func (r *recorder) Log(...any)                        {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Fatal(args ...any) {
	r.Error(args...)
	runtime.Goexit()
}

func (r *recorder) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errors) > 0
}

// try runs one rule on the store and returns what it finds wrong.
func (r rule) try(t *testing.T, f Fixture) []string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rec := &recorder{TB: t}
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.test(&env{TB: rec, Fixture: f, ctx: ctx, policy: defaultPolicy(), patience: 300 * time.Millisecond})
	}()
	<-done
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.errors
}

// A rule that no store can break proves nothing: for each there is a store that breaks it, and is found out.
func TestEachRuleFindsWhatBreaksIt(t *testing.T) {
	breaks := breakages()
	for _, group := range groups() {
		for _, r := range group.rules {
			name := group.name + ": " + r.name
			break_, ok := breaks[name]
			delete(breaks, name)
			if !ok {
				t.Errorf("%s: no store breaks it", name)
				continue
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				b := newBroken()
				break_(b)
				found := r.try(t, Fixture{Store: b, Advance: b.Advance, Corrupt: func(store.Handle, string) {}})
				if len(found) == 0 {
					t.Error("a store that breaks the rule passes")
				}
			})
		}
	}
	for name := range breaks {
		t.Errorf("%s: no such rule", name)
	}
}

func TestRequiredInterfaces(t *testing.T) {
	type minimal struct{ store.Store }
	for _, o := range All() {
		if !o.Has(memstore.New()) {
			t.Errorf("the memory store is no %s", o)
		}
		if o.Has(minimal{memstore.New()}) {
			t.Errorf("a store of five methods is a %s", o)
		}
	}
	if Optional("Flyer").Has(memstore.New()) {
		t.Error("the memory store has an interface that there is not")
	}
}

func TestEqualJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{`{"a":1,"b":[2,{"c":null}]}`, ` { "b":[2,{"c":null}], "a":1.0 } `, true},
		{`1e3`, `1000`, true},
		{`0.10`, `0.1`, true},
		{`9007199254740993`, `9007199254740992`, false},
		{`0.1`, `0.1000000000000000055511151231257827`, false},
		{`{"a":1}`, `{"a":1,"b":null}`, false},
		{`{"a":1,"b":null}`, `{"a":1,"c":null}`, false},
		{`[1,2]`, `[2,1]`, false},
		{`[1]`, `[1,1]`, false},
		{`"1"`, `1`, false},
		{`null`, `false`, false},
		{`"é"`, `"\u00e9"`, true},
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got, err := EqualJSON([]byte(pair[0]), []byte(pair[1])); err != nil || got != c.want {
				t.Errorf("%s and %s are equal: %v (%v), want %v", pair[0], pair[1], got, err, c.want)
			}
		}
	}
	for _, text := range []string{``, `{`, `1 2`, `nul`} {
		if _, err := EqualJSON([]byte(text), []byte(`1`)); err == nil {
			t.Errorf("%q is compared", text)
		}
	}
}
