package sqlite

import (
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/null"
)

// columns are those of a row that change with it, as values returns them.
const columns = `secret_hash, version, created_at, accessed_at, expires_at, owner, tag, idle_timeout_ms,
	absolute_timeout_ms, persistence, authenticated_at, rotated_at, former_hashes, device, data`

const columnCount = 15

func values(r *store.Record) []driver.Value {
	return []driver.Value{
		r.Hash[:], r.Version, r.CreatedAt.UnixMilli(), r.AccessedAt.UnixMilli(), r.ExpiresAt.UnixMilli(),
		null.Text(r.Owner), null.Text(r.Tag), null.Milliseconds(r.Timeouts.Idle), null.Milliseconds(r.Timeouts.Absolute),
		null.Number(int64(r.Persistence)), null.Time(r.AuthenticatedAt), null.Time(r.RotatedAt), null.Hashes(r.Former),
		null.Bytes(r.Device), r.Data,
	}
}

// meta is all of a row but id, realm and data, as unpack reads it. It is one value and not fourteen: the driver fetches
// the name and the type of each column of each query, which takes longer than to join numbers and split them again. The
// columns that are null in most rows are left out if all of them are null.
const meta = `secret_hash || version || ',' || created_at || ',' || accessed_at || ',' || expires_at ||
iif(owner is null and rotated_at is null and authenticated_at is null and tag is null and idle_timeout_ms is null and
absolute_timeout_ms is null and persistence is null and device is null, '.', ',' ||
ifnull(rotated_at, '') || ',' || ifnull(authenticated_at, '') || ',' || ifnull(idle_timeout_ms, '') || ',' ||
ifnull(absolute_timeout_ms, '') || ',' || ifnull(persistence, '') || ',' ||
ifnull(octet_length(former_hashes) || ',' || former_hashes, ',') || ifnull(octet_length(owner) || ',' || owner, ',') ||
ifnull(octet_length(tag) || ',' || tag, ',') || ifnull(octet_length(device) || ',' || device, ','))`

// unpack fills r from packedMeta or packedRow.
func unpack(v driver.Value, r *store.Record) error {
	packed, _ := v.([]byte)
	if len(packed) < len(r.Hash) {
		return fmt.Errorf("sqlite: a row of unexpected form: it begins with no hash")
	}
	r.Hash = store.Hash(packed)
	f := fields{rest: packed[len(r.Hash):]}
	r.Version, r.CreatedAt, r.AccessedAt, r.ExpiresAt = f.number(), f.instant(), f.instant(), f.instant()
	if f.end == ',' {
		f.rare(r)
	}
	if f.bad {
		return fmt.Errorf("sqlite: a row of unexpected form: a number is missing")
	}
	if len(f.rest) > 0 {
		r.Data = f.rest
	}
	r.Now = now()
	return nil
}

// rare reads what most rows do not have.
func (f *fields) rare(r *store.Record) {
	r.RotatedAt, r.AuthenticatedAt = f.instant(), f.instant()
	r.Timeouts = store.Timeouts{Idle: f.milliseconds(), Absolute: f.milliseconds()}
	r.Persistence = store.Persistence(f.number())
	for former := range slices.Chunk(f.bytes(), len(store.Hash{})) {
		if len(former) < len(store.Hash{}) {
			f.bad = true
			return
		}
		r.Former = append(r.Former, store.Hash(former))
	}
	r.Owner, r.Tag, r.Device = string(f.bytes()), string(f.bytes()), slices.Clone(f.bytes())
}

// fields are decimal numbers, each with a character after it; nothing before that stands for NULL.
type fields struct {
	rest []byte
	end  byte // what stood after the last number
	bad  bool
}

func (f *fields) next() (n int64, is bool) {
	const longest = 18 // so many digits fit
	sign := int64(1)
	for i, c := range f.rest {
		switch {
		case c >= '0' && c <= '9' && i < longest:
			n = n*10 + int64(c-'0')
		case c == '-' && i == 0:
			sign = -1
		case c == ',' || c == '.':
			f.rest, f.end = f.rest[i+1:], c
			return sign * n, i > 0
		default:
			f.bad = true
			return 0, false
		}
	}
	f.bad = true
	return 0, false
}

func (f *fields) number() int64 {
	n, _ := f.next()
	return n
}

func (f *fields) milliseconds() time.Duration { return time.Duration(f.number()) * time.Millisecond }

// instant is the zero time if there is none.
func (f *fields) instant() (t time.Time) {
	if ms, is := f.next(); is {
		t = time.UnixMilli(ms).UTC()
	}
	return t
}

// bytes takes a length and so many bytes; nil if there is no length.
func (f *fields) bytes() []byte {
	n, is := f.next()
	if !is || n < 0 || n > int64(len(f.rest)) {
		f.bad = f.bad || is
		return nil
	}
	text := f.rest[:n]
	f.rest = f.rest[n:]
	return text
}
