package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/sqlstore/internal/makeway"
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

// stepMark is what a step leaves, so that the next one finds out whether others have written between the two.
type stepMark struct {
	begun     int64 // transactions in this process
	version   int64 // of the data, as changed by others
	disturbed bool  // others have written since the step before
}

// transact makes a step and measures its time. A power cut may undo what it writes.
func (r *collectRun) transact(ctx context.Context, p *pace, fn func(*conn) error) error {
	w := r.store.writer
	return w.transact(ctx, true, func(c *conn) error {
		start := time.Now()
		version, err := c.number(dataVersion)
		if err != nil {
			return err
		}
		r.last = stepMark{w.begun, version, r.last.begun > 0 && (w.begun > r.last.begun+1 || version != r.last.version)}
		err = fn(c)
		p.adapt(time.Since(start))
		return err
	})
}

// makeWay rests after a step if others have written since the one before, and reports whether it did. If none have, it
// still leaves them a gap at times.
func (r *collectRun) makeWay(ctx context.Context, p pace) (rested bool) {
	switch {
	case r.opts.Pause == 0 && r.last.disturbed:
		_ = retry.Sleep(ctx, makeway.InTime(makeway.Rest(p.took, 0), r.start, r.opts.MaxDuration))
		rested = true
	case time.Since(r.free) >= stretch:
		_ = retry.Sleep(ctx, gap)
	default:
		return false
	}
	r.free = time.Now()
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
func (r *collectRun) vacuum(ctx context.Context, budget time.Duration) error {
	end := time.Now().Add(budget)
	for n := 1; r.stopped(ctx) == "" && time.Now().Before(end); n++ {
		more := false
		err := r.transact(ctx, &r.pages, func(c *conn) (err error) {
			more, err = c.vacuum(r.pages.size)
			return err
		})
		switch {
		case err != nil && ctx.Err() == nil:
			return err
		case !more || n%vacuumSteps == 0 && !r.pauseBefore(ctx, end):
			return nil
		}
		r.makeWay(ctx, r.pages)
	}
	return nil
}

// pauseBefore pauses between two stretches of a vacuum. It reports false, at once, if no time would be left for another.
func (r *collectRun) pauseBefore(ctx context.Context, end time.Time) bool {
	pause, limit := max(0, r.opts.Pause), r.opts.MaxDuration
	if time.Until(end) <= pause || limit > 0 && time.Since(r.start)+pause >= limit {
		return false
	}
	r.store.writer.log.keepUp(ctx)
	_ = retry.Sleep(ctx, pause)
	return true
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
