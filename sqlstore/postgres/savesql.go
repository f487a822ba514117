package postgres

import (
	"strings"

	"github.com/simples-go/sessions/session/store"
)

// shape says what a save's statement holds, so that one text serves all changes of a kind.
type shape uint16

const (
	shapeClear shape = 1 << iota
	shapeDelete
	shapeDeleteMany
	shapeSet
	shapeLimit
	shapeRotate
	shapeRenew
	shapeIdle
	shapeAbsolute
	shapeOwner
	shapeExtend
	shapeVersion

	shapeTimes = shapeRenew | shapeIdle | shapeAbsolute | shapeExtend // the expiry is computed
)

// manyDeletes is from how many keys on a delete looks each entry up among the keys: jsonb - text[] compares all with
// all.
const manyDeletes = 100

func shapeOf(c *store.Change, p store.Policy) (x shape) {
	for _, part := range [...]struct {
		bit shape
		has bool
	}{
		{shapeClear, c.Clear},
		{shapeDelete, len(c.Delete) > 0 && !c.Clear},
		{shapeDeleteMany, len(c.Delete) > manyDeletes && !c.Clear},
		{shapeSet, len(c.Set) > 0},
		{shapeLimit, p.MaxBytes > 0 && c.HasData()},
		{shapeRotate, c.Rotate != nil},
		{shapeRenew, c.Renew},
		{shapeIdle, c.Idle != nil},
		{shapeAbsolute, c.Absolute != nil},
		{shapeOwner, c.Owner != nil},
		{shapeExtend, c.Extend},
		{shapeVersion, c.IfVersion != 0},
	} {
		if part.has {
			x |= part.bit
		}
	}
	return x
}

func (x shape) has(bits shape) bool { return x&bits != 0 }

// save returns the text for a shape. Its parameters are those of saveArgs.
func (w *writes) save(x shape) string {
	if text, ok := w.saves.Load(x); ok {
		return text.(string)
	}
	text := w.saveText(x)
	w.saves.Store(x, text)
	return text
}

// saveText is an update of one row. It leaves expires_at out unless the change is about it: an update that writes no
// indexed column can stay on its page.
func (w *writes) saveText(x shape) string {
	var p placeholders
	id, hash, absolute, idle := p.next(), p.next(), p.next()+`::bigint`, ``
	if x.has(shapeTimes) {
		idle = p.next() + `::bigint`
	}
	where := `s.id = ` + id + ` and s.secret_hash = ` + hash + ` and ` + alive(absolute) +
		` and jsonb_typeof(s.data) = 'object'`
	set := []string{`version = s.version + 1`}
	if x.has(shapeClear | shapeDelete | shapeSet) {
		merged, patch := mergedText(x, &p)
		set = append(set, `data = `+merged)
		if x.has(shapeLimit) {
			where += ` and ` + w.fitsText(merged, patch, p.next()+`::bigint`)
		}
	}
	if x.has(shapeRotate) {
		set = append(set, `secret_hash = `+p.next(), `rotated_at = `+now)
	}
	if x.has(shapeOwner) {
		set = append(set, `owner = `+p.next())
	}
	set = append(set, timesText(x, &p, idle, absolute)...)
	if x.has(shapeVersion) {
		where += ` and s.version = ` + p.next()
	}
	return w.update(strings.Join(set, `, `), where)
}

// mergedText returns the data after a save, and the parameter with the entries that it sets.
func mergedText(x shape, p *placeholders) (merged, patch string) {
	merged = `s.data`
	switch {
	case x.has(shapeDeleteMany):
		merged = `coalesce((select jsonb_object_agg(e.key, e.value) from jsonb_each(` + merged +
			`) e where e.key <> all(` + p.next() + `::text[])), '{}')`
	case x.has(shapeDelete):
		merged = `(` + merged + ` - ` + p.next() + `::text[])`
	}
	if x.has(shapeSet) {
		patch = p.next() + `::jsonb`
	}
	switch {
	case x.has(shapeClear) && x.has(shapeSet):
		merged = patch
	case x.has(shapeClear):
		merged = `'{}'::jsonb`
	case x.has(shapeSet):
		merged = `(` + merged + ` || ` + patch + `)`
	}
	return merged, patch
}

// textFactor bounds how much longer the text of a jsonb is than its binary form. Of what sessions hold, 5e-324 comes
// closest: 326 digits, a comma and a space for a number of 10 bytes and its entry of 4, so 24 times.
const textFactor = `32`

// fitsText is the condition that a merged session has at most limit bytes. A session that is far from the limit, which
// most are, is not merged a second time to find out: its parts tell. The size of a row's data counts where it is not
// compressed. pg_column_size is not immutable, so a distributed table makes the text in any case.
func (w *writes) fitsText(merged, patch, limit string) string {
	if w.distributed {
		return exactText(merged, limit)
	}
	parts := `pg_column_size(s.data)`
	if patch != `` {
		parts += ` + pg_column_size(` + patch + `)`
	}
	return `(pg_column_compression(s.data) is null and (` + parts + `)::bigint * ` + textFactor + ` <= ` + limit +
		` or ` + fitsMerged(merged, limit) + `)`
}

// fitsMerged makes the text only where the binary form does not tell already.
func fitsMerged(merged, limit string) string {
	return `(pg_column_size(` + merged + `)::bigint * ` + textFactor + ` <= ` + limit + ` or ` + exactText(merged, limit) + `)`
}

func exactText(merged, limit string) string {
	return `octet_length((` + merged + `)::text) <= ` + limit
}

func timesText(x shape, p *placeholders, idle, absolute string) (set []string) {
	ownIdle, ownAbsolute := `s.idle_timeout_ms`, `s.absolute_timeout_ms`
	created := `(s.created_at at time zone 'utc')`
	if x.has(shapeIdle) {
		ownIdle = p.next() + `::bigint`
		set = append(set, `idle_timeout_ms = `+ownIdle)
	}
	if x.has(shapeAbsolute) {
		ownAbsolute = p.next() + `::bigint`
		set = append(set, `absolute_timeout_ms = `+ownAbsolute)
	}
	if x.has(shapeRenew) {
		created = nowUTC
		set = append(set, `created_at = `+now)
	}
	next := expiry(`coalesce(`+ownIdle+`, `+idle+`)`, created, `coalesce(`+ownAbsolute+`, `+absolute+`)`)
	switch {
	case x.has(shapeRenew | shapeIdle | shapeAbsolute):
		set = append(set, `expires_at = `+next)
	case x.has(shapeExtend):
		set = append(set, `expires_at = greatest(s.expires_at, `+next+`)`)
	}
	return set
}

// saveArgs are the arguments of the text for shape x, in the order in which saveText numbers them.
func saveArgs(x shape, ref store.Ref, c *store.Change) []any {
	args := append(make([]any, 0, 8), uuid(ref.Key), ref.Hash[:], absoluteMillis(ref.Policy))
	if x.has(shapeTimes) {
		args = append(args, idleMillis(ref.Policy))
	}
	if x.has(shapeDelete) {
		args = append(args, c.Delete)
	}
	if x.has(shapeSet) {
		args = append(args, objectText(c.Set))
	}
	if x.has(shapeLimit) {
		args = append(args, int64(ref.Policy.MaxBytes))
	}
	if x.has(shapeRotate) {
		args = append(args, c.Rotate[:])
	}
	if x.has(shapeOwner) {
		args = append(args, nullable(*c.Owner))
	}
	if x.has(shapeIdle) {
		args = append(args, ownMillis(*c.Idle))
	}
	if x.has(shapeAbsolute) {
		args = append(args, ownMillis(*c.Absolute))
	}
	if x.has(shapeVersion) {
		args = append(args, c.IfVersion)
	}
	return args
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// saveManyText merges the data of many rows: arrays of ids, secret hashes, the manager's timeouts, whether to clear,
// keys to delete (a JSON array, or null), entries to set (a JSON object), how many changes it is that are one here,
// whether to extend, and the size limit. The rows are locked in the order of their ids before any is written: two
// statements whose arrays are sorted would still lock in the order of their plans. What is merged is read under that
// lock, once.
func saveManyText(table string) string {
	next := accessExpiry(`q.idle`, `q.absolute`)
	return `with q as materialized (
  select * from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::bigint[], $4::bigint[], $5::bool[], $6::text[],
    $7::text[], $8::bigint[], $9::bool[], $10::bigint[])
    as q (id, hash, idle, absolute, clear, del, patch, n, extend, max)
), held as materialized (
  select s.id, case when q.clear then '{}'::jsonb else s.data end as data, q.del, q.patch, q.n, q.max,
    case when q.extend then greatest(s.expires_at, ` + next + `) else s.expires_at end as expires_at
  from ` + table + ` s join q on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`q.absolute`) + ` and jsonb_typeof(s.data) = 'object'
  order by s.id for no key update of s
), merged as materialized (
  select id, n, max, expires_at, case when del is null then data
    else data - array(select jsonb_array_elements_text(del::jsonb)) end || patch::jsonb as data
  from held
)
update ` + table + ` s set version = s.version + m.n, data = m.data, expires_at = m.expires_at
from merged m where s.id = m.id and (m.max = 0 or ` + fitsMerged(`m.data`, `m.max`) + `)
returning ` + savedColumns + `, now(), s.id`
}

// setManyText is saveManyText for changes that set entries and do nothing else, under one policy, which is what most do:
// arrays of ids, secret hashes and entries to set, the manager's absolute timeout and the size limit. The database takes
// arrays apart one by one, each at a price.
func setManyText(table string) string {
	return `with q as materialized (
  select * from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::text[]) as q (id, hash, patch)
), held as materialized (
  select s.id, s.data, q.patch from ` + table + ` s join q on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`$4::bigint`) + ` and jsonb_typeof(s.data) = 'object'
  order by s.id for no key update of s
), merged as materialized (
  select id, data || patch::jsonb as data from held
)
update ` + table + ` s set version = s.version + 1, data = m.data
from merged m where s.id = m.id and ($5::bigint = 0 or ` + fitsMerged(`m.data`, `$5::bigint`) + `)
returning ` + savedColumns + `, now(), s.id`
}
