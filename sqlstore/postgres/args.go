package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/simples-go/sessions/session/store"
)

func uuid(h store.Handle) pgtype.UUID { return pgtype.UUID{Bytes: h, Valid: true} }

func uuids(keys []store.Handle) []pgtype.UUID {
	ids := make([]pgtype.UUID, len(keys))
	for i, key := range keys {
		ids[i] = uuid(key)
	}
	return ids
}

// noLimit stands for a timeout that there is none: 10,000 years in milliseconds.
const noLimit = int64(10_000 * 365 * 24 * 3600 * 1000)

// limitMillis is a timeout as statements take it, if zero means that there is none.
func limitMillis(d time.Duration) int64 {
	if d <= 0 {
		return noLimit
	}
	return min(d.Milliseconds(), noLimit)
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

// nullable is nil for a zero value.
func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

func nullableBytes(v []byte) []byte {
	if len(v) == 0 {
		return nil
	}
	return v
}

// joined is the hashes as their column holds them.
func joined(hashes []store.Hash) (all []byte) {
	for _, hash := range hashes {
		all = append(all, hash[:]...)
	}
	return all
}

// rowArgs are a record's columns from secret_hash on, in the order in which statements number them, but for the data.
func rowArgs(r *store.Record) []any {
	return []any{
		r.Hash[:], r.Version, r.CreatedAt, r.AccessedAt, r.ExpiresAt, nullable(r.Owner), nullable(r.Tag),
		ownMillis(r.Timeouts.Idle), ownMillis(r.Timeouts.Absolute), nullable(int16(r.Persistence)),
		nullable(r.AuthenticatedAt), nullable(r.RotatedAt), joined(r.Former), nullableBytes(r.Device),
	}
}
