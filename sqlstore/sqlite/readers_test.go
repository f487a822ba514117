package sqlite

import (
	"context"
	"testing"
)

// A caller alone reads with one connection, whose pages are in the processor's caches, however many there may be.
func TestTheConnectionUsedLastReadsFirst(t *testing.T) {
	s := open(t, newPath(t), WithReaders(3))
	ref := created(t, s, set("user", `"anna"`))

	opened := func() int { return len(s.readers.idle) }
	for range 10 {
		if _, err := s.Load(t.Context(), ref); err != nil {
			t.Fatal(err)
		}
	}
	if opened() != 1 {
		t.Errorf("%d connections were opened for one caller", opened())
	}

	var last *conn
	within(t, s, func(first *conn) {
		within(t, s, func(second *conn) {
			if second == first {
				t.Error("two read with one connection at a time")
			}
		})
		last = first
	})
	if opened() != 2 {
		t.Errorf("%d connections were opened for two callers", opened())
	}
	within(t, s, func(c *conn) {
		if c != last {
			t.Error("the connection used last did not read first")
		}
	})
}

func within(t *testing.T, s *Store, fn func(*conn)) {
	t.Helper()
	err := s.readers.do(t.Context(), func(c *conn) error {
		fn(c)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestWhoWaitsToReadEndsWithTheContext(t *testing.T) {
	s := open(t, newPath(t), WithReaders(1))
	within(t, s, func(*conn) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.readers.do(ctx, func(*conn) error { return nil }); err != context.Canceled {
			t.Errorf("before the wait: %v", err)
		}
		ctx, cancel = context.WithCancel(t.Context())
		waited := make(chan error)
		go func() { waited <- s.readers.do(ctx, func(*conn) error { return nil }) }()
		cancel()
		if err := <-waited; err != context.Canceled {
			t.Errorf("in the wait: %v", err)
		}
	})
	within(t, s, func(*conn) {})
}

// Nobody reads with a connection on which a reader has panicked, and it does not stay open.
func TestAPanicClosesTheConnection(t *testing.T) {
	s := open(t, newPath(t), WithReaders(1))
	var used *conn
	func() {
		defer func() { _ = recover() }()
		_ = s.readers.do(t.Context(), func(c *conn) error { used = c; panic("a reader's") })
	}()
	if n := len(s.readers.idle); n != 0 {
		t.Errorf("%d connections are kept", n)
	}
	usable := func() bool {
		defer func() { _ = recover() }() // the driver's way of saying that a connection is closed
		return used.script("select 1") == nil
	}
	if usable() {
		t.Error("the connection is open")
	}
	within(t, s, func(*conn) {})
}
