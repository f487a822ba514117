package postgres

import (
	"context"
	"time"

	"github.com/simples-go/sessions/sqlstore/internal/courtesy"
)

const (
	// atWork is how recently another client of the database has done something who is said to be at work.
	atWork = 250 * time.Millisecond
	// lookAgain is how long a collector that is alone goes on before it looks for others.
	lookAgain = 50 * time.Millisecond
	// restless is how long it rests before it looks whether they have gone. A look is felt like a short batch.
	restless = time.Second
)

// others reports whether another client is at work in the database. Of one that belongs to another role the server tells
// only a member of pg_read_all_stats what it does; else that it is there has to do.
const others = `select exists (select from pg_stat_activity where datname = current_database()
and pid <> all(array[pg_backend_pid(), $1::bigint]) and coalesce(backend_type, 'client backend') = 'client backend'
and coalesce(state = 'active' or state_change > clock_timestamp() - $2::bigint * interval '1 ms', true))`

// pause is one of fixed length between what deletes something, for it would add up where there is nothing to delete. It
// reports whether to go on then.
func (c *collector) pause(ctx context.Context) bool {
	if !c.owes {
		return true
	}
	c.owes = false
	if c.opts.MaxDuration > 0 && time.Since(c.started)+c.opts.Pause >= c.opts.MaxDuration {
		c.over = true
		return false
	}
	sleep(ctx, c.opts.Pause)
	return ctx.Err() == nil
}

// makeWay follows a batch that took so long, and all else that others may have felt. It ends early where they have gone.
func (c *collector) makeWay(ctx, work context.Context, took time.Duration) error {
	if c.opts.Pause != 0 {
		return nil
	}
	for rest := courtesy.Rest(took, c.started, c.opts); rest > 0 && ctx.Err() == nil; rest -= restless {
		disturbs, err := c.disturbs(work)
		if err != nil || !disturbs {
			return err
		}
		sleep(ctx, min(rest, restless))
	}
	return nil
}

// disturbs reports whether others are at work, as of now or a moment ago.
func (c *collector) disturbs(ctx context.Context) (busy bool, err error) {
	if time.Since(c.alone) < lookAgain {
		return false, nil
	}
	// Who has done something before the run began may have ended with it.
	lately := min(atWork, time.Since(c.started))
	_, err = c.rows(ctx, others, func(v [][]byte) error {
		busy = isTrue(v[0])
		return nil
	}, c.locker, lately.Milliseconds())
	if !busy {
		c.alone = time.Now()
	}
	return busy, err
}
