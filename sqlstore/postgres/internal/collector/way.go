package collector

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

const (
	// sparse is how many pages of the table there must be for each expired row for the index to be better than reading
	// all of the table.
	sparse = 4
	// fewPages are so few that they stay in memory, whichever way one goes.
	fewPages = 1000
	// rangesOfPages is the version of Postgres that first found a range of pages without reading the table.
	rangesOfPages = 14_00_00
	// lookTime is how long the index may take to show the first rows. Entries of rows that an earlier run has deleted
	// stay at its beginning until a vacuum: after five million rows the next run searched for more than a minute.
	lookTime = 2 * time.Second
)

// newWalker finds what is to be deleted, by the database's clock, and the way to go.
//
// The index leads to a page of the table for every row, and to the same page again for each of its rows: a table of
// which much has expired would be read, written and logged several times over. That goes faster by pages. A table with
// partitions has no pages of its own, nor has a distributed one.
func newWalker(ctx context.Context, t table, opts store.CollectOptions) (*walker, error) {
	w := &walker{table: t}
	var pages, version int64
	const sql = `select date_trunc('milliseconds', now()) - $1::bigint * interval '1 ms', pg_relation_size($2::text::regclass) /
		current_setting('block_size')::bigint, current_setting('server_version_num')::bigint`
	if _, err := t.first(ctx, []any{&w.expired, &pages, &version}, sql, opts.Keep.Milliseconds(), t.Table); err != nil {
		return nil, err
	}
	w.expired = w.expired.Add(time.Millisecond)
	w.along(byExpiry(t.Local), dawn, w.expired.UnixMilli())
	if version < rangesOfPages {
		pages = 0
	}
	return w, w.begin(ctx, pages)
}

// begin moves to the first row, or else has the walker go by pages.
func (w *walker) begin(ctx context.Context, pages int64) error {
	slow, err := w.beginByExpiry(ctx, pages >= fewPages)
	w.whole.from = w.next
	if err != nil || w.done() && !slow || pages < fewPages {
		return err
	}
	dense := slow
	if !slow {
		if dense, err = w.dense(ctx, int(pages/sparse)); err != nil {
			return err
		}
	}
	if dense {
		var over time.Duration
		if !slow {
			over = w.axis.clock(w.end - w.next)
		}
		// A run that is cut short is followed by one that begins elsewhere, not with what the last one has emptied.
		w.rest = rand.Int64N(pages)
		w.along(byPage(w.expired, pages, over), w.rest, pages)
	}
	return nil
}

// beginByExpiry moves to the first row. It is slow if the index does not show it soon and does not have to.
func (w *walker) beginByExpiry(ctx context.Context, impatient bool) (slow bool, err error) {
	if !impatient {
		return false, w.skip(ctx)
	}
	var at pgtype.Timestamptz
	found, err := w.table.within(ctx, lookTime, []any{&at}, w.oldest(), w.axis.between(w.next, w.end)...)
	if isCanceled(err) {
		return true, nil
	}
	w.reach(at, found)
	return false, err
}

// dense reports whether there are so many rows to delete, or so many remains of them that counting takes long.
func (w *walker) dense(ctx context.Context, most int) (bool, error) {
	var held int
	sql := w.table.counting(most, w.axis.condition)
	_, err := w.table.within(ctx, lookTime, []any{&held}, sql, w.axis.between(w.next, w.end)...)
	if isCanceled(err) {
		return true, nil
	}
	return held == most, err
}
