package postgres

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

// columns are those of a record without its data, as readRecord reads them.
const columns = `s.id, s.secret_hash, s.rotated_at, s.version, s.owner, s.idle_timeout_ms, s.absolute_timeout_ms,
s.created_at, s.expires_at, now()`

// columnCount is how many they are.
const columnCount = 10

// readRecord reads the binary values of columns.
func readRecord(v [][]byte) (r store.Record, err error) {
	if len(v) < columnCount || len(v[0]) != len(r.Key) || len(v[1]) != len(r.Hash) {
		return r, localErrorf("a row of unexpected form: %d columns", len(v))
	}
	copy(r.Key[:], v[0])
	copy(r.Hash[:], v[1])
	if v[2] != nil {
		r.RotatedAt = readTime(v[2])
	}
	r.Version = readInt(v[3])
	r.Owner = string(v[4])
	r.Timeouts = store.Timeouts{Idle: readMillis(v[5]), Absolute: readMillis(v[6])}
	r.CreatedAt, r.ExpiresAt, r.Now = readTime(v[7]), readTime(v[8]), readTime(v[9])
	return r, nil
}

// savedColumns are what a write returns before the clock, as readSaved reads both.
const savedColumns = `s.version, s.created_at, s.expires_at`

func readSaved(v [][]byte) store.Saved {
	return store.Saved{
		Version: readInt(v[0]), CreatedAt: readTime(v[1]), ExpiresAt: readTime(v[2]), Now: readTime(v[3]),
	}
}

// readData copies a jsonb's text out of the connection's buffer. What is no object is left for isObject to find.
func readData(v []byte) []byte {
	if len(v) == 0 || v[0] != 1 {
		return nil
	}
	return append([]byte(nil), v[1:]...)
}

// isObject reports whether data, as Postgres prints a jsonb, is an object.
func isObject(data []byte) bool { return len(data) > 0 && data[0] == '{' }

// epoch is that of Postgres, 2000-01-01, in microseconds of the Unix epoch.
const epoch = 946_684_800_000_000

// far keeps a date within what time.Time and its encodings hold: Postgres has the years up to 294276, and infinity.
const far = 253_402_300_799_999_000 // the end of the year 9999

// readTime reads a timestamp in whole milliseconds, rounded down.
func readTime(v []byte) time.Time {
	us := readInt(v)
	switch {
	case us > far-epoch:
		us = far - epoch
	case us < -far:
		us = -far
	}
	ms := (us + epoch) / 1000
	if (us+epoch)%1000 < 0 {
		ms--
	}
	return time.UnixMilli(ms).UTC()
}

// readInt reads a bigint; 0 where it is null.
func readInt(v []byte) int64 {
	if len(v) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

func readMillis(v []byte) time.Duration {
	return time.Duration(min(readInt(v), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

func isTrue(v []byte) bool { return len(v) == 1 && v[0] == 1 }

func uuid(h store.Handle) pgtype.UUID { return pgtype.UUID{Bytes: h, Valid: true} }

// noLimit stands for an absolute timeout that there is none: 10,000 years in milliseconds.
const noLimit = int64(10_000 * 365 * 24 * 3600 * 1000)

// absoluteMillis is the manager's absolute timeout as statements take it.
func absoluteMillis(p store.Policy) int64 {
	if p.Absolute <= 0 {
		return noLimit
	}
	return min(p.Absolute.Milliseconds(), noLimit)
}

// idleMillis is the manager's idle timeout as statements take it.
func idleMillis(p store.Policy) int64 { return min(p.Idle.Milliseconds(), noLimit) }

// ownMillis is a timeout of the session's own as its column holds it.
func ownMillis(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	ms := min(d.Milliseconds(), noLimit)
	return &ms
}
