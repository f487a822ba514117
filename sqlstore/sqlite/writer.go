package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// writer is the one connection that writes. Whoever has its slot may use the connection.
type writer struct {
	slot   chan struct{}
	open   func(context.Context) (*conn, error)
	busy   time.Duration
	keep   bool // the database would end with its last connection
	log    *checkpointer
	conn   *conn
	closed bool
	begun  int64 // transactions; who is in one may read it
	file   original
	looked time.Time // at the file
}

func newWriter(c *conn, busy time.Duration, keep bool, open func(context.Context) (*conn, error)) *writer {
	return &writer{slot: make(chan struct{}, 1), open: open, busy: busy, keep: keep, conn: c}
}

// do calls fn with the connection, within no transaction. Others wait meanwhile.
func (w *writer) do(ctx context.Context, fn func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.slot <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-w.slot }()
	if w.closed {
		return errClosed
	}
	if err := w.reopen(ctx); err != nil {
		return err
	}
	err := fn(w.conn)
	if broken(err) && !w.keep {
		_ = w.conn.close()
		w.conn = nil
	}
	return err
}

func (w *writer) reopen(ctx context.Context) (err error) {
	if w.conn == nil {
		w.conn, err = w.open(ctx)
	}
	return err
}

// transact calls fn between BEGIN IMMEDIATE and COMMIT. ctx bounds the wait for the file, not what follows. If relaxed
// is set, a power cut may undo the transaction.
func (w *writer) transact(ctx context.Context, relaxed bool, fn func(*conn) error) error {
	return w.do(ctx, func(c *conn) error {
		if err := w.look(); err != nil {
			return err
		}
		if err := c.relax(relaxed); err != nil {
			return fmt.Errorf("setting the durability: %w", err)
		}
		if err := retryBusy(ctx, w.busy, func() error { return c.run(beginWrite) }); err != nil {
			return fmt.Errorf("beginning a transaction: %w", err)
		}
		w.begun++
		committed := false
		c.changed = 0
		defer func() {
			if !committed {
				// Some errors have ended the transaction already, then this fails.
				_ = c.run(rollbackWrite)
			}
		}()
		if err := fn(c); err != nil {
			return err
		}
		changed := c.changed
		if err := retryBusy(context.WithoutCancel(ctx), w.busy, func() error { return c.run(commitWrite) }); err != nil {
			return fmt.Errorf("committing: %w", err)
		}
		committed = true
		w.log.add(changed)
		return nil
	})
}

// still calls fn with the write lock, so that nobody writes to the file meanwhile, in this process or another.
func (w *writer) still(fn func() error) error {
	return w.transact(context.Background(), true, func(*conn) error {
		w.begun-- // it does nobody's work
		return fn()
	})
}

func (c *conn) run(id statement) error {
	_, err := c.exec(id)
	return err
}

// relax sets whether commits wait for the disk.
func (c *conn) relax(relaxed bool) error {
	if c.relaxed == relaxed {
		return nil
	}
	setting := "pragma synchronous=FULL"
	if relaxed {
		setting = "pragma synchronous=NORMAL"
	}
	if err := c.script(setting); err != nil {
		return err
	}
	c.relaxed = relaxed
	return nil
}

func (w *writer) close() error {
	logged := w.log.close()
	w.slot <- struct{}{}
	defer func() { <-w.slot }()
	w.closed = true
	if w.conn == nil {
		return logged
	}
	return errors.Join(logged, w.conn.close())
}
