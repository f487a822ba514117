package memstore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(*testing.T) storetest.Fixture {
			m := memstore.New()
			return storetest.Fixture{Store: m, Advance: m.Advance}
		},
		Require: storetest.All(),
	})
}

func TestStoreZeroValue(t *testing.T) {
	var m memstore.Store
	ref := store.Ref{Key: store.Handle{1}, Policy: store.Policy{Timeouts: store.Timeouts{Idle: time.Hour}}}
	if err := m.Delete(t.Context(), ref); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := m.Load(t.Context(), ref); !errors.Is(err, store.ErrGone) {
		t.Errorf("Load: %v", err)
	}
	if _, err := m.Create(t.Context(), ref, store.Change{Owner: new("anna")}); err != nil || m.Len() != 1 {
		t.Errorf("Create: %v, %d rows", err, m.Len())
	}
	m.Advance(time.Hour)
	if m.Len() != 1 {
		t.Errorf("%d rows, want the expired one", m.Len())
	}
	if report, err := m.Collect(t.Context(), store.CollectOptions{}); err != nil || report.Deleted != 1 || m.Len() != 0 {
		t.Errorf("Collect: %+v, %v, %d rows", report, err, m.Len())
	}
}

// In a synctest bubble the clock stands still, so that a call can be placed on the very millisecond.
func TestStoreAtTheInstant(t *testing.T) {
	calls := map[string]func(*memstore.Store, context.Context, store.Ref) error{
		"Load": func(m *memstore.Store, ctx context.Context, r store.Ref) error {
			_, err := m.Load(ctx, r)
			return err
		},
		"Touch": func(m *memstore.Store, ctx context.Context, r store.Ref) error {
			_, err := m.Touch(ctx, r)
			return err
		},
		"Save": func(m *memstore.Store, ctx context.Context, r store.Ref) error {
			_, err := m.Save(ctx, r, store.Change{})
			return err
		},
	}
	for name, call := range calls {
		for _, timeouts := range []store.Timeouts{{Idle: time.Minute, Absolute: time.Hour}, {Idle: time.Hour, Absolute: time.Minute}} {
			for wait, want := range map[time.Duration]error{
				time.Minute - time.Millisecond: nil, time.Minute: store.ErrExpired, time.Minute + time.Millisecond: store.ErrExpired,
			} {
				synctest.Test(t, func(t *testing.T) {
					m := memstore.New()
					ref := store.Ref{Key: store.Handle{1}, Policy: store.Policy{Timeouts: timeouts}}
					if _, err := m.Create(t.Context(), ref, store.Change{}); err != nil {
						t.Fatal(err)
					}
					time.Sleep(wait)
					if err := call(m, t.Context(), ref); !errors.Is(err, want) {
						t.Errorf("%s after %v with %+v: got error %v, want %v", name, wait, timeouts, err, want)
					}
				})
			}
		}
	}
}

func TestStoreGraceAtTheInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memstore.New()
		policy := store.Policy{Timeouts: store.Timeouts{Idle: time.Hour}, Grace: 30 * time.Second}
		old := store.Ref{Key: store.Handle{1}, Hash: store.Hash{1}, Policy: policy}
		_, err := m.Create(t.Context(), old, store.Change{})
		if _, saved := m.Save(t.Context(), old, store.Change{Rotate: &store.Hash{2}}); err != nil || saved != nil {
			t.Fatal(err, saved)
		}
		for _, step := range []struct {
			wait time.Duration
			want error
		}{{0, store.ErrRotated}, {policy.Grace - time.Millisecond, store.ErrRotated}, {time.Millisecond, store.ErrReused}} {
			time.Sleep(step.wait)
			if _, err := m.Load(t.Context(), old); err != step.want {
				t.Errorf("after %v more: got error %v, want %v", step.wait, err, step.want)
			}
		}
	})
}

// A collector that waits between its batches must end with its context, not with the pause.
func TestStoreCollectPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := memstore.New()
		fill(t, m, 30)
		opts := store.CollectOptions{Batch: 10, Pause: time.Hour}
		report, err := m.Collect(t.Context(), opts)
		if err != nil || report.Stopped != store.StopDone || report.Batches != 3 || report.Duration != 2*time.Hour {
			t.Errorf("got %+v, %v", report, err)
		}
		fill(t, m, 30)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
		defer cancel()
		report, err = m.Collect(ctx, opts)
		if err != nil || report.Stopped != store.StopSignal || report.Deleted != 20 || report.Remaining != 10 ||
			report.Duration != 90*time.Minute {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

// fill leaves n expired rows in the store, by moving the clock of the bubble that it is called in.
func fill(t *testing.T, m *memstore.Store, n byte) {
	t.Helper()
	policy := store.Policy{Timeouts: store.Timeouts{Idle: time.Second}}
	for i := range n {
		if _, err := m.Create(t.Context(), store.Ref{Key: store.Handle{i, 1}, Policy: policy}, store.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
}
