package postgres

// The statements of saves that change a session's entries, and at most extend it. All others lock the row and write it
// whole, see locked.go.

// merged is the data of a row, as jsonb, after a save that has not seen it.
func merged(data, clear, del, patch string) string {
	return `(case when ` + clear + ` then '{}'::jsonb else ` + data + `::jsonb - ` + del + ` end || ` + patch + `::jsonb)`
}

// replaceOneText saves one row that has the version $6 by writing the whole text $7, which is based on that. $5 is the fence.
//
// The row may be locked for a moment, and its time may be over when the lock is released. PostgreSQL does not evaluate
// that condition again after a wait for a lock, so RETURNING evaluates it too: there a division by zero fails and
// undoes the save. The division is part of the version's column, which costs less than a column of its own.
func replaceOneText(table string) string {
	return updateOne(table, `$7::json`, `s.version = $6`)
}

// mergeOneText saves one row by merging its data with the change in $7 to $9. $10 is the size limit, 0 for none; a session
// whose text is less than half of that is within it, however the database spaces it. $6 is the version that the row must
// have, 0 for any.
func mergeOneText(table string) string {
	data := merged(`s.data`, `$7::bool`, `$8::text[]`, `$9::text`)
	return updateOne(table, data+`::json`, `($6::bigint = 0 or s.version = $6)
and case when json_typeof(s.data) <> 'object' then false
  else $10::bigint = 0 or 2 * (octet_length(s.data::text) + octet_length($9)) <= $10 or octet_length(`+data+`::text) <= $10
end`)
}

func updateOne(table, data, where string) string {
	return `update ` + table + ` s set version = s.version + 1, data = ` + data + `
where s.id = $1 and s.secret_hash = $2 and ` + alive(`$3::bigint`, `$4::bigint`) + ` and clock_timestamp() < $5
and ` + where + lockWait(`'`+briefLockWait+`'`) + `
returning s.version / (clock_timestamp() < s.expires_at)::int, ` + savedTimes
}

// saveManyText does what these two do for many rows under one policy, and extends some of them: arrays of ids, secret hashes, base versions, whole texts,
// whether to clear, keys to delete (a JSON array), entries to set (a JSON object; null if the data stays as it is), how
// many changes it is that are one here, and whether to extend; then the fence, the manager's absolute timeout, IdleLimit
// and idle timeout, and the size limit.
//
// The rows are locked in the order of their ids before any is written: two statements whose arrays are sorted would still
// lock in the order of their plans. A row that somebody else has locked is passed over.
func saveManyText(table string) string {
	data := merged(`data`, `clear`, `array(select json_array_elements_text(del::json))`, `patch`)
	next := `least(` + after(now, `coalesce(s.idle_timeout_ms, $13::bigint)`) + `, ` +
		after(`s.created_at`, `coalesce(s.absolute_timeout_ms, $11::bigint)`) + `)`
	return `with q as materialized (
  select * from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::bigint[], $4::text[], $5::bool[], $6::text[], $7::text[],
    $8::bigint[], $9::bool[]) as q (id, hash, base, whole, clear, del, patch, n, extend)
), held as materialized (
  select s.id, s.version = q.base as seen, q.whole, q.clear, q.del, q.patch, q.n,
    case when s.version <> q.base and q.patch is not null then s.data end as data,
    case when q.extend then ` + now + ` else s.accessed_at end as accessed_at,
    case when q.extend then greatest(s.expires_at, ` + next + `) else s.expires_at end as expires_at
  from ` + table + ` s join q on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`$11::bigint`, `$12::bigint`) + ` and clock_timestamp() < $10
  order by s.id for no key update of s skip locked
), merged as materialized (
  select id, n, accessed_at, expires_at, seen or patch is null as fits, case when patch is null then null when seen then whole
    when json_typeof(data) = 'object' then ` + data + `::text end as data
  from held
)
update ` + table + ` s set version = s.version + m.n, data = coalesce(m.data::json, s.data), accessed_at = m.accessed_at,
  expires_at = m.expires_at
from merged m where s.id = m.id and (m.fits or m.data is not null and ($14::bigint = 0 or octet_length(m.data) <= $14))
returning ` + savedColumns + `, s.id`
}
