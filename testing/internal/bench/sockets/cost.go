package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"github.com/simples-go/sessions/session"
)

// usage is what the process holds.
type usage struct {
	bytes      uint64
	goroutines int
}

func used() usage {
	for range 8 {
		runtime.GC() // each halves a stack that has become too large
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()}
}

// cost opens so many sockets, with sessions and without, and says what the difference is; and what saves take beside
// them, and before and after.
func cost(ctx context.Context, w io.Writer, m *session.Manager, open int, idle time.Duration) error {
	alone, err := saves(ctx, m, idle/2)
	if err != nil {
		return err
	}
	bare, err := hold(ctx, nil, open, nil)
	if err != nil {
		return err
	}
	var beside []time.Duration
	var busy time.Duration
	ours, err := hold(ctx, m, open, func() error {
		start := processorTime()
		time.Sleep(idle)
		busy = processorTime() - start
		var err error
		beside, err = saves(ctx, m, idle)
		return err
	})
	if err != nil {
		return err
	}
	after, err := saves(ctx, m, idle/2)
	if err != nil {
		return err
	}
	alone = append(alone, after...)
	n := float64(open)
	fmt.Fprintf(w, "%d open sockets: %.0f bytes and %.2f goroutines each, beyond %.0f bytes and %.2f goroutines without sessions\n",
		open, float64(int64(ours.bytes)-int64(bare.bytes))/n, float64(ours.goroutines-bare.goroutines)/n,
		float64(bare.bytes)/n, float64(bare.goroutines)/n)
	fmt.Fprintf(w, "idle: %.1f %% of one processor over %v\n", 100*busy.Seconds()/idle.Seconds(), idle)
	percentiles(w, "saves without open sockets", alone)
	percentiles(w, "saves beside open sockets", beside)
	return nil
}

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// saves measures saves of one session, one after another.
func saves(ctx context.Context, m *session.Manager, length time.Duration) (taken []time.Duration, err error) {
	s := m.NewSession()
	for start := time.Now(); time.Since(start) < length; {
		before := time.Now()
		if err = s.Set("n", len(taken)); err == nil {
			err = s.Save(ctx)
		}
		if err != nil {
			return nil, err
		}
		taken = append(taken, time.Since(before))
	}
	return taken, nil
}

// hold opens the sockets, runs fn beside them, and returns what they use. Without a manager they have no sessions.
func hold(ctx context.Context, m *session.Manager, open int, fn func() error) (usage, error) {
	before := used()
	pipes := &pipes{conns: make(chan net.Conn)}
	var opened atomic.Int64
	handler := http.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer conn.CloseNow()
		opened.Add(1)
		_, _, _ = conn.Read(r.Context())
	}))
	if m != nil {
		handler = m.Handler(handler)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(pipes) }()
	conns, err := dialAll(ctx, m, pipes, open)
	if err != nil {
		return usage{}, err
	}
	for opened.Load() < int64(open) {
		time.Sleep(10 * time.Millisecond)
	}
	after := used()
	if fn != nil {
		err = fn()
	}
	for _, c := range conns {
		_ = c.CloseNow()
	}
	_ = server.Close()
	runtime.KeepAlive(conns)
	return usage{after.bytes - before.bytes, after.goroutines - before.goroutines}, err
}

func dialAll(ctx context.Context, m *session.Manager, p *pipes, open int) ([]*websocket.Conn, error) {
	client := &http.Client{Transport: &http.Transport{DialContext: p.dial}}
	conns, errs := make([]*websocket.Conn, open), make([]error, 64)
	var wg sync.WaitGroup
	for worker := range errs {
		wg.Go(func() {
			for i := worker; i < open && errs[worker] == nil; i += len(errs) {
				header := http.Header{}
				if m != nil {
					token, err := login(ctx, m)
					if err != nil {
						errs[worker] = err
						return
					}
					header.Set("Cookie", "__Host-Http-session="+token)
				}
				conns[i], _, errs[worker] = websocket.Dial(ctx, "ws://bench/", &websocket.DialOptions{HTTPClient: client, HTTPHeader: header})
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return conns, nil
}

// pipes is a listener whose connections are pipes within the process.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.conns <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	c, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.conns) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }
