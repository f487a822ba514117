package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/null"
)

// metaColumns are all columns but the data, in the order of scan.
const metaColumns = `id, realm, secret_hash, version, created_at, accessed_at, expires_at, owner, tag, idle_timeout_ms,
	absolute_timeout_ms, persistence, authenticated_at, rotated_at, former_hashes, device`

// values returns what stands in metaColumns, and the data.
func values(r *store.Record) []any {
	return []any{
		r.Key[:], null.Text(r.Realm), r.Hash[:], r.Version, r.CreatedAt.UnixMilli(), r.AccessedAt.UnixMilli(),
		r.ExpiresAt.UnixMilli(), null.Text(r.Owner), null.Text(r.Tag), null.Number(r.Timeouts.Idle.Milliseconds()),
		null.Number(r.Timeouts.Absolute.Milliseconds()), null.Number(int64(r.Persistence)), null.Time(r.AuthenticatedAt),
		null.Time(r.RotatedAt), null.Hashes(r.Former), null.Bytes(r.Device), string(r.Data),
	}
}

// querier is a *sql.DB or a *sql.Conn.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// find reads the rows of a query on metaColumns, with or without the data after them. It waits for a busy file.
func (s *Store) find(ctx context.Context, q querier, query string, args ...any) (found []store.Record, err error) {
	err = patiently(ctx, func() (err error) {
		found, err = findNow(ctx, q, query, args...)
		return err
	})
	return found, err
}

func findNow(ctx context.Context, q querier, query string, args ...any) (found []store.Record, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, failed(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, failed(ctx, err)
	}
	withData := slices.Contains(columns, "data")
	for rows.Next() {
		r, err := scan(rows, withData)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(ctx, err)
	}
	return found, ctx.Err()
}

func scan(rows *sql.Rows, withData bool) (r store.Record, err error) {
	var key, hash, former []byte
	var realm, owner, tag, data sql.NullString
	var created, accessed, expires int64
	var idle, absolute, persistence, authenticated, rotated sql.NullInt64
	into := []any{
		&key, &realm, &hash, &r.Version, &created, &accessed, &expires, &owner, &tag, &idle, &absolute, &persistence,
		&authenticated, &rotated, &former, &r.Device,
	}
	if withData {
		into = append(into, &data)
	}
	if err := rows.Scan(into...); err != nil {
		return r, &failure{err}
	}
	if len(key) != len(r.Key) || len(hash) != len(r.Hash) || len(former)%len(r.Hash) != 0 {
		return r, &failure{fmt.Errorf("a row of unexpected form")}
	}
	r.Key, r.Hash, r.Realm, r.Owner, r.Tag = store.Handle(key), store.Hash(hash), realm.String, owner.String, tag.String
	r.CreatedAt, r.AccessedAt, r.ExpiresAt = instant(created), instant(accessed), instant(expires)
	r.Timeouts = store.Timeouts{Idle: milliseconds(idle.Int64), Absolute: milliseconds(absolute.Int64)}
	r.Persistence = store.Persistence(persistence.Int64)
	if authenticated.Valid {
		r.AuthenticatedAt = instant(authenticated.Int64)
	}
	if rotated.Valid {
		r.RotatedAt = instant(rotated.Int64)
	}
	for one := range slices.Chunk(former, len(store.Hash{})) {
		r.Former = append(r.Former, store.Hash(one))
	}
	if withData {
		r.Data = []byte(data.String)
	}
	r.Now = now()
	return r, nil
}

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

func checkObject(data []byte) error {
	if _, err := jsonobj.Scan(data); err != nil {
		return fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return nil
}

type statements struct {
	load, meta, insert, update, touch, remove, find, expired, count string
}

// newStatements returns the statements for a table, whose name is validated.
func newStatements(table string) *statements {
	marks := strings.Repeat("?, ", strings.Count(metaColumns, ",")+1)
	s := &statements{
		load:    `select ` + metaColumns + `, data from {t} where id = ?`,
		meta:    `select ` + metaColumns + ` from {t} where id = ?`,
		insert:  `insert into {t} (` + metaColumns + `, data) values (` + marks + `?)`,
		update:  `update {t} set (` + metaColumns + `, data) = (` + marks + `?) where id = ?`,
		touch:   `update {t} set accessed_at = ?, expires_at = ? where id = ?`,
		remove:  `delete from {t} where id = ?`,
		find:    `select ` + metaColumns + ` from {t} where `, // selection and newestFirst follow
		expired: `delete from {t} where rowid in (select rowid from {t} where expires_at <= ? order by expires_at limit ?)`,
		count:   `select count(*) from (select 1 from {t} where expires_at <= ? limit ?)`,
	}
	for _, text := range []*string{
		&s.load, &s.meta, &s.insert, &s.update, &s.touch, &s.remove, &s.find, &s.expired, &s.count,
	} {
		*text = strings.ReplaceAll(*text, "{t}", `"`+table+`"`)
	}
	return s
}
