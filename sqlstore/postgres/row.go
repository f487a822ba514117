package postgres

import (
	"bytes"
	"encoding/binary"
	"math"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// columns are what readRecord reads first. Those from the owner on are null in most rows, which costs next to nothing.
const columns = `s.version, s.created_at, s.accessed_at, s.expires_at, now(), s.owner, s.tag, s.idle_timeout_ms,
s.absolute_timeout_ms, s.persistence, s.authenticated_at, s.rotated_at, s.former_hashes, s.device`

// columnCount is how many they are.
const columnCount = 14

// record is the list of columns that readRecord reads: a statement that knows the id, the hash or the data already, or has
// no use for it, returns null in its place.
func record(id, hash, data string) string { return columns + `, ` + id + `, ` + hash + `, ` + data }

// readRecord reads the binary values of a record. Key, Hash and Data stay zero if they are null.
func readRecord(v [][]byte) (r store.Record, err error) {
	if len(v) < columnCount+3 {
		return r, localErrorf("a row of unexpected form: %d columns", len(v))
	}
	r.Version = readInt(v[0])
	r.CreatedAt, r.AccessedAt, r.ExpiresAt, r.Now = readTime(v[1]), readTime(v[2]), readTime(v[3]), readTime(v[4])
	r.Owner, r.Tag = string(v[5]), string(v[6])
	r.Timeouts = store.Timeouts{Idle: readMillis(v[7]), Absolute: readMillis(v[8])}
	r.Persistence = readPersistence(v[9])
	r.AuthenticatedAt, r.RotatedAt = readTime(v[10]), readTime(v[11])
	r.Former = readHashes(v[12])
	r.Device = bytes.Clone(v[13])
	copy(r.Key[:], v[14])
	copy(r.Hash[:], v[15])
	r.Data = bytes.Clone(v[16])
	return r, nil
}

func readHashes(v []byte) (hashes []store.Hash) {
	for size := len(store.Hash{}); len(v) >= size; v = v[size:] {
		hashes = append(hashes, store.Hash(v[:size]))
	}
	return hashes
}

// savedColumns are what a write returns, as readSaved reads it.
const savedColumns = `s.version, ` + savedTimes

const savedTimes = `s.created_at, s.accessed_at, s.expires_at, now()`

const savedCount = 5

func readSaved(v [][]byte) store.Saved {
	return store.Saved{
		Version: readInt(v[0]), CreatedAt: readTime(v[1]), AccessedAt: readTime(v[2]), ExpiresAt: readTime(v[3]),
		Now: readTime(v[4]),
	}
}

// isObject reports whether data, which is JSON, is an object.
func isObject(data []byte) bool { return bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte{'{'}) }

// epoch is that of Postgres, 2000-01-01, in microseconds of the Unix epoch.
const epoch = 946_684_800_000_000

// far keeps a date within what time.Time and its encodings hold: Postgres has the years up to 294276, and infinity.
const far = 253_402_300_799_999_000 // the end of the year 9999

// readTime reads a timestamp in whole milliseconds, rounded down; the zero time if it is null.
func readTime(v []byte) time.Time {
	if v == nil {
		return time.Time{}
	}
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

// readInt reads a bigint; 0 if it is null.
func readInt(v []byte) int64 {
	if len(v) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(v))
}

func readMillis(v []byte) time.Duration {
	return time.Duration(min(readInt(v), math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
}

// readPersistence reads a smallint.
func readPersistence(v []byte) store.Persistence {
	if len(v) != 2 {
		return store.DefaultPersistence
	}
	return store.Persistence(v[1])
}

func isTrue(v []byte) bool { return len(v) == 1 && v[0] == 1 }
