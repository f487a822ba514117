package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/storetest"
)

func TestMemoryStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		New: func(*testing.T) storetest.Fixture {
			m := session.NewMemoryStore()
			return storetest.Fixture{Store: m, Advance: m.Advance}
		},
		Require: storetest.All(),
	})
}

func TestMemoryStoreZeroValue(t *testing.T) {
	var m session.MemoryStore
	ref := session.Ref{Key: session.Handle{1}, Policy: session.Policy{Timeouts: session.Timeouts{Idle: time.Hour}}}
	if err := m.Delete(t.Context(), ref); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if _, err := m.Load(t.Context(), ref); !errors.Is(err, session.ErrGone) {
		t.Errorf("Load: %v", err)
	}
	if _, err := m.Create(t.Context(), ref, session.Change{Owner: ptr("anna")}); err != nil || m.Len() != 1 {
		t.Errorf("Create: %v, %d rows", err, m.Len())
	}
	m.Advance(time.Hour)
	if m.Len() != 1 {
		t.Errorf("%d rows, want the expired one", m.Len())
	}
	if report, err := m.Collect(t.Context(), session.CollectOptions{}); err != nil || report.Deleted != 1 || m.Len() != 0 {
		t.Errorf("Collect: %+v, %v, %d rows", report, err, m.Len())
	}
}

// In a synctest bubble the clock stands still, so that a call can be placed on the very millisecond.
func TestMemoryStoreAtTheInstant(t *testing.T) {
	calls := map[string]func(*session.MemoryStore, context.Context, session.Ref) error{
		"Load": func(m *session.MemoryStore, ctx context.Context, r session.Ref) error {
			_, err := m.Load(ctx, r)
			return err
		},
		"Touch": func(m *session.MemoryStore, ctx context.Context, r session.Ref) error {
			_, err := m.Touch(ctx, r)
			return err
		},
		"Save": func(m *session.MemoryStore, ctx context.Context, r session.Ref) error {
			_, err := m.Save(ctx, r, session.Change{})
			return err
		},
	}
	for name, call := range calls {
		for _, timeouts := range []session.Timeouts{{Idle: time.Minute, Absolute: time.Hour}, {Idle: time.Hour, Absolute: time.Minute}} {
			for wait, want := range map[time.Duration]error{
				time.Minute - time.Millisecond: nil, time.Minute: session.ErrExpired, time.Minute + time.Millisecond: session.ErrExpired,
			} {
				synctest.Test(t, func(t *testing.T) {
					m := session.NewMemoryStore()
					ref := session.Ref{Key: session.Handle{1}, Policy: session.Policy{Timeouts: timeouts}}
					if _, err := m.Create(t.Context(), ref, session.Change{}); err != nil {
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

func TestMemoryStoreGraceAtTheInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.NewMemoryStore()
		policy := session.Policy{Timeouts: session.Timeouts{Idle: time.Hour}, Grace: 30 * time.Second}
		old := session.Ref{Key: session.Handle{1}, Hash: hashA, Policy: policy}
		_, err := m.Create(t.Context(), old, session.Change{})
		if _, saved := m.Save(t.Context(), old, session.Change{Rotate: &hashB}); err != nil || saved != nil {
			t.Fatal(err, saved)
		}
		for _, step := range []struct {
			wait time.Duration
			want error
		}{{0, session.ErrRotated}, {policy.Grace - time.Millisecond, session.ErrRotated}, {time.Millisecond, session.ErrGone}} {
			time.Sleep(step.wait)
			if _, err := m.Load(t.Context(), old); err != step.want {
				t.Errorf("after %v more: got error %v, want %v", step.wait, err, step.want)
			}
		}
	})
}

// A collector that waits between its batches must end with its context, not with the pause.
func TestMemoryStoreCollectPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := session.NewMemoryStore()
		fill(t, m, 30)
		opts := session.CollectOptions{Batch: 10, Pause: time.Hour}
		report, err := m.Collect(t.Context(), opts)
		if err != nil || report.Stopped != session.StopDone || report.Batches != 3 || report.Duration != 2*time.Hour {
			t.Errorf("got %+v, %v", report, err)
		}
		fill(t, m, 30)
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Minute)
		defer cancel()
		report, err = m.Collect(ctx, opts)
		if err != nil || report.Stopped != session.StopSignal || report.Deleted != 20 || report.Remaining != 10 ||
			report.Duration != 90*time.Minute {
			t.Errorf("got %+v, %v", report, err)
		}
	})
}

// fill leaves n expired rows in the store, by moving the clock of the bubble that it is called in.
func fill(t *testing.T, m *session.MemoryStore, n byte) {
	t.Helper()
	policy := session.Policy{Timeouts: session.Timeouts{Idle: time.Second}}
	for i := range n {
		if _, err := m.Create(t.Context(), session.Ref{Key: session.Handle{i, 1}, Policy: policy}, session.Change{}); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Second)
}
