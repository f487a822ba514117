package sqlite

import (
	"context"
	"errors"
	"sync"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/simples-go/sessions/internal/retry"
)

var errClosed = errors.New("sqlite: the store is closed")

// readers are the connections that read, opened when first needed. Of those that are free the one used last goes first,
// since its pages, and what it needs of them, are the most likely to be in the processor's caches: with each in its turn
// a load of a single caller took a fifth longer.
type readers struct {
	slots chan struct{} // one for each connection in use
	open  func(context.Context) (*conn, error)
	busy  time.Duration
	done  chan struct{} // closed with the store

	mu   sync.Mutex
	idle []*conn // the last is the one used last
}

func newReaders(n int, busy time.Duration, open func(context.Context) (*conn, error)) *readers {
	return &readers{slots: make(chan struct{}, n), open: open, busy: busy, done: make(chan struct{})}
}

// do calls fn with a connection, again if the file was busy: that can only be while another process recovers it.
func (r *readers) do(ctx context.Context, fn func(*conn) error) error {
	if err := r.enter(ctx); err != nil {
		return err
	}
	defer func() { <-r.slots }()
	c, err := r.pop(ctx)
	if err != nil {
		return err
	}
	returned := false
	defer func() {
		if !returned || broken(err) { // after a panic nobody knows what state it is in
			_ = c.close()
			return
		}
		r.push(c)
	}()
	err = retryBusy(ctx, r.busy, func() error { return fn(c) })
	returned = true
	return err
}

// enter waits for a slot.
func (r *readers) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-r.done:
		return errClosed
	default:
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	default:
	}
	select {
	case r.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-r.done:
		return errClosed
	}
}

// pop takes the idle connection that was used last, or opens one.
func (r *readers) pop(ctx context.Context) (*conn, error) {
	r.mu.Lock()
	n := len(r.idle)
	if n == 0 {
		r.mu.Unlock()
		return r.open(ctx)
	}
	c := r.idle[n-1]
	r.idle = r.idle[:n-1]
	r.mu.Unlock()
	return c, nil
}

func (r *readers) push(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

// close waits for the calls that read, and closes the connections.
func (r *readers) close() error {
	close(r.done)
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	var err error
	for _, c := range r.idle {
		err = errors.Join(err, c.close())
	}
	return err
}

// broken reports whether err says that the connection itself should not be used again.
func broken(err error) bool {
	switch code(err) {
	case 0, lib.SQLITE_BUSY, lib.SQLITE_LOCKED, lib.SQLITE_ERROR, lib.SQLITE_CONSTRAINT, lib.SQLITE_FULL,
		lib.SQLITE_TOOBIG:
		return false
	}
	return true
}

// busyPause is the pause between two attempts. A process whose commits follow each other closely leaves the file free
// for moments only: beside it, ten attempts a second, which SQLite's own busy handler makes, may never succeed.
const busyPause = time.Millisecond

// retryBusy calls fn until the file is not busy, ctx ends or the timeout has passed. Unlike the database's own
// handler it ends with ctx.
func retryBusy(ctx context.Context, timeout time.Duration, fn func() error) error {
	return retry.While(ctx, timeout, retry.Backoff{First: busyPause}, isBusy, fn)
}
