package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

// axis is what a collector walks along, in ranges from one position to another.
type axis struct {
	condition string                        // of the expired rows of a range, with the arguments that between makes
	between   func(from, until int64) []any // the range begins at from and ends before until
	first     int64                         // width of the first range; the next ones learn
	widest    int64                         // what one statement may walk
	skips     bool                          // the next row is found without walking
}

// byExpiry walks along the index on expires_at, from the oldest row on, in milliseconds of the Unix epoch. The planner is
// kept from seeing these: its statistics are of a table that had all the rows which the collector has just deleted, and
// would have it read the whole table for each range. What expired before dawn counts as of then.
func byExpiry(local bool) axis {
	from, until := `$1::timestamptz`, `$2::timestamptz`
	if local {
		from, until = param(from), param(until)
	}
	return axis{
		condition: `s.expires_at >= ` + from + ` and s.expires_at < ` + until,
		between:   func(from, until int64) []any { return []any{sinceMilli(from), time.UnixMilli(until)} },
		first:     time.Second.Milliseconds(),
		widest:    (365 * 24 * time.Hour).Milliseconds(),
		skips:     true,
	}
}

// dawn is where the walk along the index begins: before any expiry that a clock gave, and before what the longest Keep
// leaves. An operator may have set an earlier one, or -infinity.
var dawn = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// sinceMilli is the lower bound of a range that begins at a position.
func sinceMilli(from int64) pgtype.Timestamptz {
	if from <= dawn {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: time.UnixMilli(from), Valid: true}
}

// byPage walks through the table as it lies on the disk, in pages.
func byPage(expired time.Time) axis {
	page := func(n int64) pgtype.TID { return pgtype.TID{BlockNumber: uint32(n), Valid: true} }
	return axis{
		condition: `s.ctid >= $1 and s.ctid < $2 and s.expires_at < $3`,
		between:   func(from, until int64) []any { return []any{page(from), page(until), expired} },
		first:     16,
		widest:    1024,
	}
}

// sparse is how many pages of the table there are to an expired row where walking along the index is better than
// reading all of the table.
const sparse = 4

// begin finds what is to be deleted, by the database's clock, and the way to go.
//
// The index leads to a page of the table for every row, and to the same page again for each of its rows: a table of
// which much is expired would be read, written and logged several times over. Then the collector goes by pages.
func (c *collector) begin(ctx context.Context) (more bool, err error) {
	bound, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	at, err := c.store.at(bound)
	if err != nil {
		return false, err
	}
	c.local = !at.distributed
	var pages int64
	_, err = c.rows(ctx, `select `+now+` - $1::bigint * interval '1 ms', pg_relation_size($2::text::regclass) /
		current_setting('block_size')::bigint, current_setting('server_version_num')::bigint`,
		func(v [][]byte) error {
			c.expired = readTime(v[0]).Add(time.Millisecond)
			if readInt(v[2]) >= rangesOfPages {
				pages = readInt(v[1])
			}
			return nil
		}, c.opts.Keep.Milliseconds(), c.store.sql.table)
	if err != nil {
		return false, err
	}
	return c.choose(ctx, pages)
}

// rangesOfPages is the version of Postgres that first found a range of pages without reading the table.
const rangesOfPages = 14_00_00

// choose decides on the way. A table with partitions has no pages of its own, nor has a distributed one.
func (c *collector) choose(ctx context.Context, pages int64) (more bool, err error) {
	c.walk(byExpiry(c.local), dawn, c.expired.UnixMilli())
	if pages < fewPages {
		more, err = c.skip(ctx)
		c.whole[0] = c.next
		return more, err
	}
	dense := int(pages / sparse)
	c.patience = lookTime
	defer func() { c.patience = 0 }()
	held := 0
	more, err = c.skip(ctx)
	if c.whole[0] = c.next; more && err == nil {
		held, err = c.count(ctx, dense, c.along.between(c.next, c.end)...)
	}
	if isCanceled(err) || held == dense {
		// A run that is cut short is followed by one that begins elsewhere, not with what the last one has emptied.
		c.rest = rand.Int64N(pages)
		c.walk(byPage(c.expired), c.rest, pages)
		return true, nil
	}
	return more, err
}

// lookTime is how long the index is asked for the first rows. What an earlier run has deleted stands at its beginning
// until vacuum has been there: after five million rows the next run looked for more than a minute.
const lookTime = 2 * time.Second

// fewPages are so few that they stay in memory, whichever way one goes.
const fewPages = 1000

func (c *collector) walk(along axis, next, end int64) {
	c.along, c.next, c.end, c.width = along, next, end, along.first
	c.whole = [2]int64{0, end}
}

// skip moves to the next row that is left.
func (c *collector) skip(ctx context.Context) (more bool, err error) {
	text := `select s.expires_at` + c.from() + c.along.condition + ` order by s.expires_at limit 1`
	from := c.next
	c.next = c.end
	n, err := c.rows(ctx, text, func(v [][]byte) error {
		c.next = max(dawn, readTime(v[0]).UnixMilli())
		return nil
	}, c.along.between(from, c.end)...)
	return n > 0, err
}

// remaining counts the expired rows that are left, up to store.RemainingLimit: those of the way that was not walked,
// and those that are kept or have expired since. What was deleted is not looked at again, where a search by the index
// would come across all of it, unless a row was found that the database did not delete.
func (c *collector) remaining(ctx context.Context) (int64, error) {
	left, parts := 0, [][2]int64{{c.next, c.end}, {0, c.rest}}
	if c.missed {
		parts = [][2]int64{c.whole}
	}
	for _, part := range parts {
		for from := part[0]; from < part[1] && left < store.RemainingLimit; from += c.along.widest {
			until := min(from+c.along.widest, part[1])
			n, err := c.count(ctx, store.RemainingLimit-left, c.along.between(from, until)...)
			if err != nil {
				return 0, err
			}
			left += n
		}
	}
	since := `s.expires_at >= $1 and s.expires_at <= now()`
	late, err := c.countWhere(ctx, since, store.RemainingLimit-left, c.expired)
	return int64(left + late), err
}
