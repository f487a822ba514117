package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// fakeHosts are hosts that answer each message with a byte of it, unless it is host a and mute.
type fakeHosts struct{ mute atomic.Bool }

func newFakeHosts(t *testing.T) (*fakeHosts, *hosts) {
	fake := new(fakeHosts)
	h := &hosts{timeout: 2 * time.Second, silent: map[string]bool{}, conns: map[*hostConn]struct{}{}}
	h.inner = func(_ context.Context, _, addr string) (net.Conn, error) {
		client, server := net.Pipe()
		t.Cleanup(func() { _ = client.Close() })
		go fake.serve(addr, server)
		return client, nil
	}
	return fake, h
}

func (f *fakeHosts) serve(addr string, conn net.Conn) {
	for buf := make([]byte, 16); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
		if addr != "a" || !f.mute.Load() {
			_, _ = conn.Write(buf[:1])
		}
	}
}

// ask writes a byte and reads one.
func ask(conn net.Conn) error {
	if _, err := conn.Write([]byte{1}); err != nil {
		return err
	}
	_, err := conn.Read(make([]byte, 1))
	return err
}

// connect dials a host and has its first byte within connect_timeout.
func connect(h *hosts, addr string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	conn, err := h.dial(ctx, "tcp", addr)
	if err == nil {
		err = ask(conn)
	}
	return conn, err
}

func connected(t *testing.T, h *hosts, addr string) net.Conn {
	t.Helper()
	conn, err := connect(h, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// A host that has let an attempt pass in silence has less time in the next, until it says something, or no other will
// do.
func TestASilentHostHasLessTimeTheNextTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake, h := newFakeHosts(t)
		attempt := func(want time.Duration) {
			t.Helper()
			begun := time.Now()
			if _, err := connect(h, "a"); (err != nil) != fake.mute.Load() || time.Since(begun) != want {
				t.Errorf("%v after %v, want %v", err, time.Since(begun), want)
			}
		}
		fake.mute.Store(true)
		attempt(2 * time.Second)
		attempt(250 * time.Millisecond)
		h.resetSilent()
		attempt(2 * time.Second)
		fake.mute.Store(false)
		attempt(0)
		fake.mute.Store(true)
		attempt(2 * time.Second)
	})
}

// Connections to a host that owes an answer are closed if a new one is silent too and another host takes over, and in
// no other case.
func TestConnectionsToASilentHostAreClosed(t *testing.T) {
	for name, test := range map[string]struct {
		dead   bool // says nothing to a new connection either
		second bool // it is not come to if the other will do
		finds  string
		fails  error
		closed bool
	}{
		"another takes over":                 {dead: true, finds: "b", closed: true},
		"one that stands before it does":     {dead: true, second: true, finds: "b", closed: true},
		"nobody takes over":                  {dead: true, fails: errors.New("no host will do")},
		"it waits for a lock":                {finds: "a"},
		"it accepts no writes":               {finds: "b"},
		"it waits, and another would do too": {second: true, finds: "b"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake, h := newFakeHosts(t)
				asked, idle, other := connected(t, h, "a"), connected(t, h, "a"), connected(t, h, "b")
				h.probe = func() (string, error) {
					fake.mute.Store(test.dead)
					if !test.second {
						if conn, err := connect(h, "a"); err == nil {
							_ = conn.Close()
						}
					}
					return test.finds, test.fails
				}
				fake.mute.Store(true)
				ended := make(chan error, 1)
				go func() { ended <- ask(asked) }()
				time.Sleep(time.Minute)
				select {
				case <-ended:
					if !test.closed {
						t.Error("the connection is closed")
					}
				default:
					if test.closed {
						t.Error("the call still waits")
					}
				}
				fake.mute.Store(false)
				if err := ask(idle); (err != nil) != test.closed {
					t.Errorf("on another connection to the host: %v", err)
				}
				if err := ask(other); err != nil {
					t.Errorf("on one to another host: %v", err)
				}
				if abandoned := h.abandoned() > 0; abandoned != test.closed {
					t.Errorf("connections from before are in doubt: %v", abandoned)
				}
				_ = asked.Close()
			})
		})
	}
}
