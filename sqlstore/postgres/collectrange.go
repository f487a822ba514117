package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

const (
	// counted is how many batches a count looks at, to tell how much too wide a range is.
	counted = 20
	// tiedRows is how many ids of the narrowest range are held at a time, where that is more than a batch.
	tiedRows = 50_000
)

// batch deletes the next range, or a part of it where it cannot be narrow enough. Its statements are not torn apart when
// ctx ends, which ends the pause before them.
func (c *collector) batch(ctx, work context.Context) (more bool, err error) {
	if len(c.tied) > 0 {
		return true, c.deleteTied(ctx, work)
	}
	until, held, err := c.fit(work)
	if err != nil {
		return false, err
	}
	if held > c.opts.Batch {
		return true, c.findTied(ctx, work, until)
	}
	if held > 0 {
		if !c.pause(ctx) {
			return true, nil
		}
		if err := c.delete(work, held, c.along.condition, c.along.between(c.next, until)...); err != nil {
			return false, err
		}
	}
	c.adapt(held)
	c.next = until
	if held == 0 && c.along.skips {
		return c.skip(work)
	}
	if c.next == c.end {
		c.next, c.end, c.rest = 0, c.rest, 0
	}
	return c.next < c.end, nil
}

// fit narrows the range until it holds no more than a batch, or is as narrow as a range can be.
func (c *collector) fit(ctx context.Context) (until int64, held int, err error) {
	for {
		c.width = min(c.width, c.end-c.next)
		until = c.next + c.width
		held, err = c.count(ctx, counted*c.opts.Batch, c.along.between(c.next, until)...)
		if err != nil || held <= c.opts.Batch || c.width == 1 {
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
	c.width = min(max(int64(float64(c.width)*factor), 1), c.along.widest)
}

// findTied takes the ids of many rows of the narrowest range at once: to look for each batch anew would walk over the
// remains of all batches before it.
func (c *collector) findTied(ctx, work context.Context, until int64) error {
	text := `select s.id` + c.from() + c.along.condition + limit(max(tiedRows, c.opts.Batch))
	_, err := c.rows(work, text, func(v [][]byte) error {
		if len(v[0]) != len(store.Handle{}) {
			return localErrorf("an id of unexpected form")
		}
		c.tied = append(c.tied, uuid(store.Handle(v[0])))
		return nil
	}, c.along.between(c.next, until)...)
	if err != nil || len(c.tied) == 0 {
		return err
	}
	if c.tied[0] == c.stuck {
		return errKept
	}
	c.stuck = c.tied[0]
	return c.deleteTied(ctx, work)
}

// errKept: the same row was found again after it was deleted. To go on would be to do so for ever.
var errKept = localErrorf("expired rows are found and not deleted: a policy of row level security, a trigger or a rule " +
	"keeps them")

func (c *collector) deleteTied(ctx, work context.Context) error {
	if !c.pause(ctx) {
		return nil
	}
	part := c.tied[:min(len(c.tied), c.opts.Batch)]
	if err := c.delete(work, len(part), `s.id = any($1) and s.expires_at < $2`, part, c.expired); err != nil {
		return err
	}
	c.tied = c.tied[len(part):]
	if len(c.tied) == 0 {
		c.tied = nil
	}
	return nil
}

// delete runs one statement for as many rows as were found. It does not wait for the disk where that can be said within
// the statement: a lost delete is done again by the next run.
func (c *collector) delete(ctx context.Context, found int, condition string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	text := `delete` + c.from() + condition
	if c.local {
		text += asyncCommit
	}
	args = append([]any{c.store.exec}, args...)
	c.tried, c.owes = true, c.opts.Pause > 0
	before := c.report.Deleted
	err := c.store.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		tag, err := conn.Exec(ctx, text, args...)
		c.report.Deleted += tag.RowsAffected()
		return err
	})
	c.missed = c.missed || c.report.Deleted-before < int64(found)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("a batch did not end within %v: another transaction may have locked one of its rows: %w", batchTime, err)
	}
	return err
}

// count counts the rows of a range, up to a limit.
func (c *collector) count(ctx context.Context, most int, args ...any) (int, error) {
	return c.countWhere(ctx, c.along.condition, most, args...)
}

func (c *collector) countWhere(ctx context.Context, condition string, most int, args ...any) (n int, err error) {
	text := `select count(*) from (select 1` + c.from() + condition + limit(most) + `) c`
	_, err = c.rows(ctx, text, func(v [][]byte) error {
		n = int(readInt(v[0]))
		return nil
	}, args...)
	return n, err
}

func (c *collector) from() string { return ` from ` + c.store.sql.table + ` s where ` }

func limit(n int) string { return ` limit ` + strconv.Itoa(n) }

func (c *collector) rows(ctx context.Context, text string, read func([][]byte) error, args ...any) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	st := c.store.statement(text, args...)
	err = c.store.do(ctx, idempotent, func(ctx context.Context, conn *pgxpool.Conn) error {
		if c.patience > 0 {
			n, err = querySoon(ctx, conn, c.patience, st, read)
		} else {
			n, err = query(ctx, conn, st, read)
		}
		return err
	})
	return n, err
}

// querySoon is query for a statement that the server is to give up after some time; see isCanceled.
func querySoon(ctx context.Context, conn *pgxpool.Conn, within time.Duration, st statement, read func([][]byte) error) (
	n int, err error) {
	tx, err := conn.Begin(ctx)
	if err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, `set local statement_timeout = `+strconv.FormatInt(within.Milliseconds(), 10))
	if err == nil {
		n, err = query(ctx, tx, st, read)
	}
	// It has changed nothing: there is nothing to commit.
	return n, errors.Join(err, tx.Rollback(ctx))
}

// isCanceled reports whether the server gave a statement up.
func isCanceled(err error) bool { return codeOf(err) == "57014" }
