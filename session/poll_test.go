package session

import (
	"context"
	"errors"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
	"runtime"
	"testing"
	"time"
)

func storedSession(t *testing.T) (*Manager, *Session) {
	t.Helper()
	m, err := New(memstore.New(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	s := m.NewSession()
	if err := errors.Join(s.Generate(), s.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	return m, s
}

// A poll that began with no member says nothing about one that has joined meanwhile. There are many keys, of which the
// first alone is ever watched, so that the member joins at every point of the poll in some round.
func TestPollWithoutMembers(t *testing.T) {
	m, s := storedSession(t)
	keys := make([]Handle, inspectSize)
	keys[0] = s.Handle()
	for round := range 1000 {
		done := make(chan struct{})
		go func() {
			defer close(done)
			p := &poller{hub: m.hub, m: m}
			p.check(context.Background(), keys, nil)
		}()
		for range round {
			runtime.Gosched()
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		mb := &member{session: s, cancel: cancel}
		m.hub.join(mb, m)
		<-done
		if cause := context.Cause(ctx); cause != nil {
			t.Fatalf("ended: %v", cause)
		}
		m.hub.leave(mb)
	}
}

// What is requested when a poll has been stopped, and has not yet ended, is left to the next: a session that ended before
// its socket was known to the hub is found by that alone.
func TestStoppedPollTakesNothing(t *testing.T) {
	m, s := storedSession(t)
	stopped, stop := context.WithCancel(t.Context())
	stop()
	m.hub.soon = map[Handle]error{s.Handle(): nil}
	p := &poller{hub: m.hub, m: m}
	p.round(stopped, false)
	p.round(stopped, true)
	if len(m.hub.soon) != 1 {
		t.Error("a stopped poll has taken what the next one has to poll")
	}
}

func TestInterval(t *testing.T) {
	idle := func(timeout, step time.Duration) Config { return Config{IdleTimeout: timeout, TouchStep: step} }
	poll := func(poll time.Duration, off bool) Config {
		return Config{IdleTimeout: time.Second, WebSocket: WebSocket{PollInterval: poll, NoKeepAlive: off}}
	}
	for name, c := range map[string]struct {
		config Config
		own    time.Duration
		want   time.Duration
	}{
		"default":               {Config{}, 0, 2 * time.Second},
		"short":                 {idle(time.Second, 0), 0, 300 * time.Millisecond},
		"with a large step":     {idle(4*time.Second, time.Second), 0, time.Second},
		"its own":               {Config{}, 2 * time.Second, 600 * time.Millisecond},
		"its own is longer":     {idle(time.Second, 0), time.Minute, 2 * time.Second},
		"bounded":               {idle(10*time.Millisecond, 0), 0, minInterval},
		"never extended":        {idle(time.Second, time.Second), 0, 2 * time.Second},
		"shorter by itself":     {poll(time.Millisecond, false), 0, time.Millisecond},
		"short, not kept alive": {poll(2*time.Second, true), 0, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := New(memstore.New(), c.config)
			if err != nil {
				t.Fatal(err)
			}
			if got := m.interval(store.Timeouts{Idle: c.own}); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}
