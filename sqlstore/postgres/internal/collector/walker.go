package collector

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

const (
	// counted is how many portions a count looks at, to find out how much too wide a range is.
	counted = 20
	// tiedRows is how many ids of the narrowest range are held at a time, if that is more than a portion: a new search
	// for each portion would read the remains of all portions before it.
	tiedRows = 50_000
)

// walker follows an axis once, and finds what is to be deleted there. The width of a range follows what the last one
// held, so that no look reads again what an earlier portion has left behind.
type walker struct {
	table   table
	expired time.Time // rows that expire before it are deleted

	axis      axis
	next, end int64 // what is left of the part that is walked
	rest      int64 // the part from 0 up to here comes after it
	whole     span  // all of the way, from its first row or page on
	width     int64
	tied      *tie
}

type span struct{ from, until int64 }

// portion is what one statement deletes. The one without rows is a range in which nothing is left to delete.
type portion struct {
	rows      int
	condition string
	args      []any
	until     int64 // where the walker stands after it
}

// tie are rows of the narrowest range, of which there are more than a portion.
type tie struct {
	ids   []pgtype.UUID
	after pgtype.UUID // the last one that was deleted
	until int64
}

func (w *walker) along(a axis, next, end int64) {
	w.axis, w.next, w.end, w.width = a, next, end, a.first
	w.whole = span{0, end}
}

func (w *walker) done() bool { return w.next >= w.end }

// look finds the next portion, of no more rows than most.
func (w *walker) look(ctx context.Context, most int) (portion, error) {
	if w.tied != nil {
		return w.lookTied(ctx, most)
	}
	until, held, err := w.fit(ctx, most)
	if err != nil {
		return portion{}, err
	}
	if held > most {
		w.tied = &tie{until: until}
		return w.lookTied(ctx, most)
	}
	p := portion{held, w.axis.condition, w.axis.between(w.next, until), until}
	w.adapt(held, most)
	return p, nil
}

// fit narrows the range until it holds no more than most rows, or is as narrow as a range can be.
func (w *walker) fit(ctx context.Context, most int) (until int64, held int, err error) {
	for {
		w.width = min(w.width, w.end-w.next)
		until = w.next + w.width
		held, err = w.count(ctx, counted*most, span{w.next, until})
		if err != nil || held <= most || w.width == 1 {
			return until, held, err
		}
		w.adapt(held, most)
	}
}

// adapt sets the width at which a range as dense as the last one holds nine tenths of a portion.
func (w *walker) adapt(held, most int) {
	factor := 4.0
	if held > 0 {
		factor = min(factor, 0.9*float64(most)/float64(held))
	}
	w.width = min(max(int64(float64(w.width)*factor), 1), w.axis.widest)
}

func (w *walker) lookTied(ctx context.Context, most int) (p portion, err error) {
	t := w.tied
	if len(t.ids) == 0 {
		t.ids, err = w.table.ids(ctx, max(tiedRows, most), t.after, w.axis.condition, w.axis.between(w.next, t.until)...)
		if err != nil || len(t.ids) == 0 {
			return portion{until: t.until}, err
		}
	}
	part := t.ids[:min(len(t.ids), most)]
	return portion{len(part), `s.id = any($1) and s.expires_at < $2`, []any{part, w.expired}, w.next}, nil
}

// clock is for how long sessions have expired to make up a portion.
func (w *walker) clock(p portion) time.Duration { return w.axis.clock(p.until - w.next) }

// pass moves the walker behind a portion.
func (w *walker) pass(ctx context.Context, p portion) error {
	if p.until == w.next {
		w.tied.after, w.tied.ids = w.tied.ids[p.rows-1], w.tied.ids[p.rows:]
		return nil
	}
	w.tied = nil
	w.next = p.until
	if p.rows == 0 && w.axis.skips {
		return w.skip(ctx)
	}
	if w.next == w.end {
		w.next, w.end, w.rest = 0, w.rest, 0
	}
	return nil
}

// skip moves to the next row that is left.
func (w *walker) skip(ctx context.Context) error {
	var at pgtype.Timestamptz
	found, err := w.table.first(ctx, []any{&at}, w.oldest(), w.axis.between(w.next, w.end)...)
	w.reach(at, found)
	return err
}

func (w *walker) oldest() string {
	return `select s.expires_at` + w.table.from(w.axis.condition) + ` order by s.expires_at limit 1`
}

func (w *walker) reach(at pgtype.Timestamptz, found bool) {
	if w.next = w.end; found {
		w.next = milli(at)
	}
}

func (w *walker) count(ctx context.Context, most int, s span) (int, error) {
	return w.table.count(ctx, most, w.axis.condition, w.axis.between(s.from, s.until)...)
}

// left counts what there is in the part of the table that was not visited, up to store.RemainingLimit, or in all of it
// if ofAll is set. It avoids the part that was visited if it can, since a search by the index reads the entries of all
// rows deleted there.
func (w *walker) left(ctx context.Context, ofAll bool) (left int, err error) {
	parts := []span{{w.next, w.end}, {0, w.rest}}
	if ofAll {
		parts = []span{w.whole}
	}
	for _, part := range parts {
		for from := part.from; from < part.until && left < store.RemainingLimit; from += w.axis.widest {
			n, err := w.count(ctx, store.RemainingLimit-left, span{from, min(from+w.axis.widest, part.until)})
			if err != nil {
				return left, err
			}
			left += n
		}
	}
	return left, nil
}

// late counts what is kept for a while or has expired since the run began.
func (w *walker) late(ctx context.Context, most int) (int, error) {
	return w.table.count(ctx, most, `s.expires_at >= $1 and s.expires_at <= now()`, w.expired)
}
