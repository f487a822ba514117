package collector

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// axis is the order in which a walker visits the table, in ranges from one position to another.
type axis struct {
	condition string                        // of the expired rows of a range, with the arguments that between makes
	between   func(from, until int64) []any // the range begins at from and ends before until
	first     int64                         // width of the first range
	widest    int64                         // what one statement may walk
	skips     bool                          // the next row is found without walking
	clock     func(width int64) time.Duration
}

// byExpiry follows the index on expires_at, from the oldest row on, in milliseconds of the Unix epoch. The planner
// does not see the bounds: its statistics are of a table that had all the rows that the run has just deleted, and it
// would read the whole table for each range.
func byExpiry(local bool) axis {
	from, until := `$1::timestamptz`, `$2::timestamptz`
	if local {
		from, until = `(select $1::timestamptz)::timestamptz`, `(select $2::timestamptz)::timestamptz`
	}
	return axis{
		condition: `s.expires_at >= ` + from + ` and s.expires_at < ` + until,
		between:   func(from, until int64) []any { return []any{sinceMilli(from), time.UnixMilli(until)} },
		first:     time.Second.Milliseconds(),
		widest:    (365 * 24 * time.Hour).Milliseconds(),
		skips:     true,
		clock:     func(width int64) time.Duration { return time.Duration(width) * time.Millisecond },
	}
}

// dawn is before any expiry that a clock gave, and before what the longest Keep leaves. What an operator has set to an
// earlier one, or to -infinity, counts as of then.
var dawn = time.Date(1700, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// sinceMilli is the lower bound of a range that begins at a position.
func sinceMilli(from int64) pgtype.Timestamptz {
	if from <= dawn {
		return pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}
	}
	return pgtype.Timestamptz{Time: time.UnixMilli(from), Valid: true}
}

// milli is the position of an expiry.
func milli(t pgtype.Timestamptz) int64 {
	if t.InfinityModifier == pgtype.NegativeInfinity {
		return dawn
	}
	return max(dawn, t.Time.UnixMilli())
}

// byPage goes through the table as it lies on the disk, in pages. All of its pages stand for the time in which what is
// to be deleted has expired.
func byPage(expired time.Time, pages int64, over time.Duration) axis {
	page := func(n int64) pgtype.TID { return pgtype.TID{BlockNumber: uint32(n), Valid: true} }
	return axis{
		condition: `s.ctid >= $1 and s.ctid < $2 and s.expires_at < $3`,
		between:   func(from, until int64) []any { return []any{page(from), page(until), expired} },
		first:     16,
		widest:    1024,
		clock: func(width int64) time.Duration {
			return time.Duration(float64(over) * float64(width) / float64(max(1, pages)))
		},
	}
}
