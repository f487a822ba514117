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
func (k *checkpointer) add(pages int64) {
	if k == nil || k.pages.Add(pages) < checkpointPages {
		return
	}
	select {
	case k.flight <- struct{}{}:
		go func() {
			defer func() { <-k.flight }()
			k.checkpoint()
		}()
	default:
	}
}

// follow waits for the checkpoint that is under way.
func (k *checkpointer) follow(ctx context.Context) {
	if k == nil {
		return
	}
	select {
	case k.flight <- struct{}{}:
		<-k.flight
	case <-ctx.Done():
	}
}

// keepUp waits for the checkpoint that is under way if the log has grown by twice the pages of a checkpoint. It is for
// a caller that writes so much that a checkpoint would never reach the end of the log.
func (k *checkpointer) keepUp(ctx context.Context) {
	if k != nil && k.pages.Load() >= 2*checkpointPages {
		k.follow(ctx)
	}
}

// checkpoint ignores errors but for the connection's sake: what it did not move, the next one moves, or a commit, which
// returns the error to its caller.
func (k *checkpointer) checkpoint() {
	k.pages.Store(0)
	if k.closed {
		return
	}
	if k.conn == nil {
		c, err := k.open(context.Background())
		if err != nil {
			return
		}
		k.conn = c
	}
	if err := k.move(); broken(err) {
		_ = k.conn.close()
		k.conn = nil
	}
}

// move moves the log while others write. SQLite syncs the file only if nothing was added to the log meanwhile, so
// another try follows, which has little to move and time for the disk. The last try makes others wait, for a moment
// since it finds next to nothing; after it the log begins anew.
func (k *checkpointer) move() error {
	for range checkpointTries {
		if err := k.conn.checkpoint(); err != nil {
			return err
		}
	}
	return k.still(k.conn.checkpoint)
}

// checkpoint moves as much as it can without waiting for anybody.
func (c *conn) checkpoint() error {
	if err := c.script("pragma wal_checkpoint(passive)"); !isBusy(err) {
		return err
	}
	return nil
}

// close waits for the checkpoint under way. None begins afterwards.
func (k *checkpointer) close() error {
	if k == nil {
		return nil
	}
	k.flight <- struct{}{}
	defer func() { <-k.flight }()
	k.closed = true
	if k.conn == nil {
		return nil
	}
	return k.conn.close()
}
