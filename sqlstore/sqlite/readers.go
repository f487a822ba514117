package sqlite

import (
	"context"
	"errors"
	"time"

	lib "modernc.org/sqlite/lib"
)

var errClosed = errors.New("sqlite: the store is closed")

// readers are the connections that read, opened when first needed.
type readers struct {
	free chan *conn // holds as many as there may be; nil for one that is not open
	open func(context.Context) (*conn, error)
	busy time.Duration
	done chan struct{} // closed with the store
}

func newReaders(n int, busy time.Duration, open func(context.Context) (*conn, error)) *readers {
	r := &readers{free: make(chan *conn, n), open: open, busy: busy, done: make(chan struct{})}
	for range n {
		r.free <- nil
	}
	return r
}

// do calls fn with a connection, again where the file was busy: that can only be while another process recovers it.
func (r *readers) do(ctx context.Context, fn func(*conn) error) error {
	c, err := r.take(ctx)
	if err != nil {
		return err
	}
	if c == nil {
		if c, err = r.open(ctx); err != nil {
			r.free <- nil
			return err
		}
	}
	defer func() { r.free <- c }()
	err = retryBusy(ctx, r.busy, func() error { return fn(c) })
	if broken(err) {
		_ = c.close()
		c = nil
	}
	return err
}

func (r *readers) take(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case <-r.done:
		return nil, errClosed
	default:
	}
	select {
	case c := <-r.free:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		return nil, errClosed
	}
}

// close waits for those who read.
func (r *readers) close() error {
	close(r.done)
	var err error
	for range cap(r.free) {
		if c := <-r.free; c != nil {
			err = errors.Join(err, c.close())
		}
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

// busyPause is the pause between two attempts. A process whose commits follow each other closely leaves the file free for
// moments only: who asks ten times a second, as the database's own handler does, may starve beside it.
const busyPause = time.Millisecond

// retryBusy calls fn until the file is not busy, ctx ends or the timeout has passed. Unlike the database's own
// handler it ends with ctx.
func retryBusy(ctx context.Context, timeout time.Duration, fn func() error) error {
	err := fn()
	if !isBusy(err) {
		return err
	}
	deadline := time.Now().Add(timeout)
	for isBusy(err) && time.Now().Before(deadline) {
		timer := time.NewTimer(busyPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		err = fn()
	}
	return err
}
