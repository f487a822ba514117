package sqlite

import (
	"context"
	"sync/atomic"
)

const (
	// checkpointPages is how many pages are changed, by a cautious guess, before a checkpoint.
	checkpointPages = 4000
	// longestLog is how many pages the log has when a commit makes a checkpoint after all, since the one beside it does
	// not keep up: 64 MB, as much as the log's file keeps when it is empty.
	longestLog = 16_000
	// checkpointTries is how often the log is moved while others go on writing.
	checkpointTries = 3
)

// checkpointer moves what was committed from the write-ahead log into the file, on a connection of its own. The
// database would do it within the commit that makes the log long enough: one save in some hundreds would wait for what
// all the others have written to reach the disk, and beside a collector each of them.
//
// Its goroutine lives for one checkpoint. A nil checkpointer does nothing: a database in memory has no log.
type checkpointer struct {
	open   func(context.Context) (*conn, error)
	still  func(fn func() error) error // calls fn while nobody writes
	pages  atomic.Int64                // changed since the last one began
	flight chan struct{}               // holds one while one is under way; who put it there has what follows
	conn   *conn
	closed bool
}

func newCheckpointer(open func(context.Context) (*conn, error), still func(func() error) error) *checkpointer {
	return &checkpointer{open: open, still: still, flight: make(chan struct{}, 1)}
}

// add counts changed pages that are committed, and begins a checkpoint if they are enough.
func (cp *checkpointer) add(pages int64) {
	if cp == nil || cp.pages.Add(pages) < checkpointPages {
		return
	}
	select {
	case cp.flight <- struct{}{}:
		go func() {
			defer func() { <-cp.flight }()
			cp.checkpoint()
		}()
	default:
	}
}

// follow waits for the checkpoint that is under way.
func (cp *checkpointer) follow(ctx context.Context) {
	if cp == nil {
		return
	}
	select {
	case cp.flight <- struct{}{}:
		<-cp.flight
	case <-ctx.Done():
	}
}

// keepUp waits for the checkpoint that is under way if the log has grown by twice the pages of a checkpoint. It is for
// a caller that writes so much that a checkpoint would never reach the end of the log.
func (cp *checkpointer) keepUp(ctx context.Context) {
	if cp != nil && cp.pages.Load() >= 2*checkpointPages {
		cp.follow(ctx)
	}
}

// checkpoint ignores errors but for the connection's sake: what it did not move, the next one moves, or a commit, whose
// caller hears of no error either. What is not moved stands in the log, which grows.
func (cp *checkpointer) checkpoint() {
	cp.pages.Store(0)
	if cp.closed {
		return
	}
	if cp.conn == nil {
		c, err := cp.open(context.Background())
		if err != nil {
			return
		}
		cp.conn = c
	}
	if err := cp.move(); broken(err) {
		_ = cp.conn.close()
		cp.conn = nil
	}
}

// move moves the log while others write. SQLite syncs the file only if nothing was added to the log meanwhile, so
// another try follows, which has little to move and time for the disk. The last try makes others wait, for a moment
// since it finds next to nothing; after it the log begins anew.
func (cp *checkpointer) move() error {
	for range checkpointTries {
		if err := cp.conn.checkpoint(); err != nil {
			return err
		}
	}
	return cp.still(cp.conn.checkpoint)
}

// checkpoint moves as much as it can without waiting for anybody.
func (c *conn) checkpoint() error {
	if err := c.script("pragma wal_checkpoint(passive)"); !isBusy(err) {
		return err
	}
	return nil
}

// close waits for the checkpoint under way. None begins afterwards.
func (cp *checkpointer) close() error {
	if cp == nil {
		return nil
	}
	cp.flight <- struct{}{}
	defer func() { <-cp.flight }()
	cp.closed = true
	if cp.conn == nil {
		return nil
	}
	return cp.conn.close()
}
