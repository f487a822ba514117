package storetest

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
)

// broken is a memory store of which single methods can be replaced by wrong ones.
type broken struct {
	*session.MemoryStore
	onLoad    func(context.Context, session.Ref) (session.Record, error)
	onCreate  func(context.Context, session.Ref, session.Change) (session.Saved, error)
	onSave    func(context.Context, session.Ref, session.Change) (session.Saved, error)
	onTouch   func(context.Context, session.Ref) (session.Saved, error)
	onDelete  func(context.Context, session.Ref) error
	onLocked  func(context.Context, session.Ref, func(session.Record) (session.Change, error)) (session.Saved, error)
	onInspect func(context.Context, []session.Handle) ([]session.Record, error)
	onTouches func(context.Context, []session.Ref) error
	onWatch   func(context.Context, func(session.Event)) error
	onList    func(context.Context, string, []string, session.Policy) ([]session.Record, error)
	onRevoke  func(context.Context, session.Which) ([]session.Handle, error)
	onCollect func(context.Context, session.CollectOptions) (session.CollectReport, error)
}

// newBroken returns a store with nothing replaced yet.
func newBroken() *broken {
	m := session.NewMemoryStore()
	return &broken{
		MemoryStore: m, onLoad: m.Load, onCreate: m.Create, onSave: m.Save, onTouch: m.Touch, onDelete: m.Delete, onLocked: m.SaveLocked,
		onInspect: m.Inspect, onTouches: m.TouchAll, onWatch: m.Watch, onList: m.ListOwner, onRevoke: m.Revoke, onCollect: m.Collect,
	}
}

func (b *broken) Load(ctx context.Context, ref session.Ref) (session.Record, error) {
	return b.onLoad(ctx, ref)
}

func (b *broken) Create(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
	return b.onCreate(ctx, ref, c)
}

func (b *broken) Save(ctx context.Context, ref session.Ref, c session.Change) (session.Saved, error) {
	return b.onSave(ctx, ref, c)
}

func (b *broken) Touch(ctx context.Context, ref session.Ref) (session.Saved, error) {
	return b.onTouch(ctx, ref)
}

func (b *broken) Delete(ctx context.Context, ref session.Ref) error { return b.onDelete(ctx, ref) }

func (b *broken) SaveLocked(
	ctx context.Context, ref session.Ref, fn func(session.Record) (session.Change, error),
) (session.Saved, error) {
	return b.onLocked(ctx, ref, fn)
}

func (b *broken) Inspect(ctx context.Context, keys []session.Handle) ([]session.Record, error) {
	return b.onInspect(ctx, keys)
}

func (b *broken) TouchAll(ctx context.Context, refs []session.Ref) error {
	return b.onTouches(ctx, refs)
}

func (b *broken) Watch(ctx context.Context, fn func(session.Event)) error { return b.onWatch(ctx, fn) }

func (b *broken) ListOwner(ctx context.Context, owner string, keys []string, p session.Policy) ([]session.Record, error) {
	return b.onList(ctx, owner, keys, p)
}

func (b *broken) Revoke(ctx context.Context, which session.Which) ([]session.Handle, error) {
	return b.onRevoke(ctx, which)
}

func (b *broken) Collect(ctx context.Context, opts session.CollectOptions) (session.CollectReport, error) {
	return b.onCollect(ctx, opts)
}

// anyHash returns ref with the hash that the row has, so that every secret opens it.
func (b *broken) anyHash(ref session.Ref) session.Ref {
	rows, _ := b.MemoryStore.Inspect(context.Background(), []session.Handle{ref.Key})
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
				found := r.try(t, Fixture{Store: b, Advance: b.Advance, Corrupt: func(session.Handle, string) {}})
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
	type minimal struct{ session.Store }
	for _, o := range All() {
		if !o.Has(session.NewMemoryStore()) {
			t.Errorf("the memory store is no %s", o)
		}
		if o.Has(minimal{session.NewMemoryStore()}) {
			t.Errorf("a store of five methods is a %s", o)
		}
	}
	if Optional("Flyer").Has(session.NewMemoryStore()) {
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
