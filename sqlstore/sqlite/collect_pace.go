package sqlite

import (
	"context"
	"fmt"
	"time"
)

// stepTime is how long a step of a collector may hold up those who save.
const stepTime = 2 * time.Millisecond

// pace is how much a step does, so that it takes about stepTime on this disk and with these rows.
type pace struct{ size, least, most int64 }

// timed returns fn with the pace adapted to how long it takes.
func (p *pace) timed(fn func(*conn) error) func(*conn) error {
	return func(c *conn) error {
		start := time.Now()
		err := fn(c)
		p.adapt(time.Since(start))
		return err
	}
}

func (p *pace) adapt(took time.Duration) {
	switch {
	case took > stepTime:
		p.size = max(p.size/2, p.least)
	case took < stepTime/4:
		p.size = min(p.size*2, p.most)
	}
}

const (
	// vacuumKeep: one page in so many may be free; new sessions will want them.
	vacuumKeep = 10
	// vacuumSteps is how many steps are made between two pauses.
	vacuumSteps = 10
	// vacuumTime is what a run may spend on it in any case.
	vacuumTime = time.Second
)

// vacuum gives free pages back to the file system, in steps, and leaves some for new rows. It does nothing in a
// database that was made without auto_vacuum. The database looks through its list of free pages for each one, so that
// a long list takes long; the next run goes on with what budget leaves.
func (k *collector) vacuum(ctx context.Context, budget time.Duration) error {
	end := time.Now().Add(budget)
	for n, more := 1, true; more && k.stopped(ctx) == "" && time.Now().Before(end); n++ {
		err := k.store.writer.transact(ctx, true, k.pages.timed(func(c *conn) (err error) {
			more, err = c.vacuum(k.pages.size)
			return err
		}))
		if n%vacuumSteps == 0 {
			k.store.writer.log.follow(ctx)
			pause(ctx, k.opts.Pause)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// vacuum gives back up to so many pages.
func (c *conn) vacuum(size int64) (more bool, err error) {
	free, err := c.number(freePages)
	if err != nil {
		return false, err
	}
	all, err := c.number(allPages)
	if err != nil || free <= all/vacuumKeep {
		return false, err
	}
	if err := c.script(fmt.Sprintf("pragma incremental_vacuum(%d)", size)); err != nil {
		return false, err
	}
	left, err := c.number(freePages)
	c.changed += max(0, free-left)
	return left < free, err
}
