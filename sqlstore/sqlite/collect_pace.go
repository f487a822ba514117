package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/simples-go/sessions/sqlstore/internal/backoff"
)

// stepTime is how long a step of a collector may hold up those who save.
const stepTime = 2 * time.Millisecond

// Processes that wait for the file try to lock it every busyPause, and would hardly ever find it free between two
// steps. So the collector leaves it free for gap after each stretch of steps: nobody waits much longer than that, and
// the step that follows sees whether others write.
const (
	stretch = 20 * time.Millisecond
	gap     = 2 * busyPause
)

// pace is how much a step does, so that it takes about stepTime on this disk and with these rows.
type pace struct {
	size, least, most int64
	took              time.Duration // the last step
}

func (p *pace) adapt(took time.Duration) {
	p.took = took
	switch {
	case took > stepTime:
		p.size = max(p.size/2, p.least)
	case took < stepTime/4:
		p.size = min(p.size*2, p.most)
	}
}

// turn is a step, for finding out whether others have written between two of them.
type turn struct {
	begun     int64 // transactions in this process
	version   int64 // of the data, as changed by others
	disturbed bool  // others have written since the step before
}

// transact makes a step and measures its time. A power cut may undo what it writes.
func (k *collector) transact(ctx context.Context, p *pace, fn func(*conn) error) error {
	w := k.store.writer
	return w.transact(ctx, true, func(c *conn) error {
		start := time.Now()
		version, err := c.number(dataVersion)
		if err != nil {
			return err
		}
		k.last = turn{w.begun, version, k.last.begun > 0 && (w.begun > k.last.begun+1 || version != k.last.version)}
		err = fn(c)
		p.adapt(time.Since(start))
		return err
	})
}

// makeWay rests after a step if others have written since the one before, and reports whether it did. If none have, it
// still leaves them a gap at times.
func (k *collector) makeWay(ctx context.Context, p pace) (rested bool) {
	switch {
	case k.opts.Pause == 0 && k.last.disturbed:
		pause(ctx, backoff.InTime(backoff.Rest(p.took, 0), k.start, k.opts.MaxDuration))
		rested = true
	case time.Since(k.free) >= stretch:
		pause(ctx, gap)
	default:
		return false
	}
	k.free = time.Now()
	return rested
}

const (
	// vacuumKeep is the part of the pages, one in so many, that may stay free, since new sessions will need them.
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
		err := k.transact(ctx, &k.pages, func(c *conn) (err error) {
			more, err = c.vacuum(k.pages.size)
			return err
		})
		if n%vacuumSteps == 0 {
			k.store.writer.log.keepUp(ctx)
			pause(ctx, k.opts.Pause)
		}
		if err != nil && ctx.Err() == nil {
			return err
		}
		k.makeWay(ctx, k.pages)
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
