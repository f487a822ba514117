package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session"
)

const (
	firstWidth = time.Second // of the first range; the next ones learn
	widest     = 365 * 24 * time.Hour

	// counted is how many batches a count looks at, to tell how much too wide a range is.
	counted = 20
	// tiedRows is how many ids of one instant are held at a time, where that is more than a batch.
	tiedRows = 50_000
)

// begin finds the end of what is to be deleted, by the database's clock, and the first row.
func (c *collector) begin(ctx context.Context) (more bool, err error) {
	bound, cancel := c.store.bound(ctx)
	defer cancel()
	at, err := c.store.at(bound)
	if err != nil {
		return false, err
	}
	c.width, c.local = firstWidth, !at.distributed
	_, err = c.rows(ctx, `select `+now+` - $1::bigint * interval '1 ms'`, func(v [][]byte) error {
		c.end = readTime(v[0]).Add(time.Millisecond)
		return nil
	}, c.opts.Keep.Milliseconds())
	if err != nil {
		return false, err
	}
	return c.skip(ctx)
}

// skip moves to the next row that is left.
func (c *collector) skip(ctx context.Context) (more bool, err error) {
	n, err := c.rows(ctx, `select s.expires_at`+c.inRange()+` order by s.expires_at limit 1`, func(v [][]byte) error {
		c.next = readTime(v[0])
		return nil
	}, c.next, c.end)
	return n > 0, err
}

// inRange are the rows that expire between $1 and $2. The planner is kept from seeing these: its statistics are of a
// table that had all the rows which the collector has just deleted, and would have it read the whole table for each
// range.
func (c *collector) inRange() string {
	from, until := `$1::timestamptz`, `$2::timestamptz`
	if c.local {
		from, until = param(from), param(until)
	}
	return ` from ` + c.store.sql.table + ` s where s.expires_at >= ` + from + ` and s.expires_at < ` + until
}

// batch deletes the next range, or a part of it where it cannot be narrow enough.
func (c *collector) batch(ctx context.Context) (more bool, err error) {
	if len(c.tied) > 0 {
		return true, c.deleteTied(ctx)
	}
	until, held, err := c.fit(ctx)
	switch {
	case err != nil:
		return false, err
	case held > c.opts.Batch:
		return true, c.findTied(ctx, until)
	}
	n, err := c.delete(ctx, `delete`+c.inRange(), c.next, until)
	if err != nil {
		return false, err
	}
	c.adapt(held)
	c.next = until
	if n == 0 {
		return c.skip(ctx)
	}
	return c.next.Before(c.end), nil
}

// fit narrows the range until it holds no more than a batch, or is as narrow as a range can be.
func (c *collector) fit(ctx context.Context) (until time.Time, held int, err error) {
	for {
		until = c.next.Add(c.width)
		if until.After(c.end) {
			until = c.end
			c.width = max(time.Millisecond, c.end.Sub(c.next))
		}
		held, err = c.count(ctx, until)
		if err != nil || held <= c.opts.Batch || c.width <= time.Millisecond {
			return until, held, err
		}
		c.adapt(held)
	}
}

// adapt sets the width at which a range as dense as the last one holds nine tenths of a batch.
func (c *collector) adapt(held int) {
	factor := 4.0
	if held > 0 {
		factor = min(factor, 0.9*float64(c.opts.Batch)/float64(held))
	}
	width := time.Duration(float64(c.width) * factor).Truncate(time.Millisecond)
	c.width = min(max(width, time.Millisecond), widest)
}

func (c *collector) count(ctx context.Context, until time.Time) (n int, err error) {
	_, err = c.rows(ctx, `select count(*) from (select 1`+c.inRange()+` limit $3) c`, func(v [][]byte) error {
		n = int(readInt(v[0]))
		return nil
	}, c.next, until, int64(counted*c.opts.Batch))
	return n, err
}

// findTied takes the ids of many rows of the range at once: to look for each batch anew would walk over the remains of
// all batches before it.
func (c *collector) findTied(ctx context.Context, until time.Time) error {
	_, err := c.rows(ctx, `select s.id`+c.inRange()+` limit $3`, func(v [][]byte) error {
		if len(v[0]) != len(session.Handle{}) {
			return localErrorf("an id of unexpected form")
		}
		c.tied = append(c.tied, uuid(session.Handle(v[0])))
		return nil
	}, c.next, until, int64(max(tiedRows, c.opts.Batch)))
	if err != nil {
		return err
	}
	return c.deleteTied(ctx)
}

func (c *collector) deleteTied(ctx context.Context) error {
	part := c.tied[:min(len(c.tied), c.opts.Batch)]
	text := `delete from ` + c.store.sql.table + ` s where s.id = any($1) and s.expires_at < $2`
	if _, err := c.delete(ctx, text, part, c.end); err != nil {
		return err
	}
	c.tied = c.tied[len(part):]
	if len(c.tied) == 0 {
		c.tied = nil
	}
	return nil
}

// delete runs one statement. It does not wait for the disk where that can be said within the statement: a lost delete
// is done again by the next run.
func (c *collector) delete(ctx context.Context, text string, args ...any) (n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	if c.local {
		text += asyncCommit
	}
	args = append([]any{c.store.exec}, args...)
	err = c.store.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, text, args...)
		n = tag.RowsAffected()
		return err
	})
	if err == nil {
		c.report.Deleted += n
	}
	return n, err
}

func (c *collector) rows(ctx context.Context, text string, read func([][]byte) error, args ...any) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	st := c.store.statement(text, args...)
	err = c.store.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		n, err = query(ctx, conn, st, read)
		return err
	})
	return n, err
}

// remaining counts the expired rows that are left, up to session.RemainingLimit.
func (c *collector) remaining(ctx context.Context) (n int64, err error) {
	text := `select count(*) from (select 1 from ` + c.store.sql.table + ` s where s.expires_at <= now() limit $1) c`
	_, err = c.rows(ctx, text, func(v [][]byte) error {
		n = readInt(v[0])
		return nil
	}, int64(session.RemainingLimit))
	return n, err
}
