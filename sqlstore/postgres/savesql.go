package postgres

// The statements of saves that change a session's entries, and at most extend it. All others lock the row and write it
// whole, see locked.go.

// merged is the data of a row, as jsonb, after a save that has not seen it.
func merged(clear, del, patch string) string {
	return `(case when ` + clear + ` then '{}'::jsonb else s.data::jsonb - ` + del + ` end || ` + patch + `::jsonb)`
}

// replaceOneText saves one row that has the version $6 by writing the whole text $7, which is based on that. $5 is the fence.
//
// The row may be locked for a moment, and its time may be over when the lock is released. PostgreSQL does not evaluate
// that condition again after a wait for a lock, so RETURNING evaluates it too: there a division by zero fails and
// undoes the save. The division is part of the version's column, which costs less than a column of its own.
func replaceOneText(table string) string {
	return updateOne(table, `$7::json`, `s.version = $6`)
}

// mergeOneText saves one row by merging its data with the change in $7 to $9. $10 is the size limit, 0 for none. $6 is the
// version that the row must have, 0 for any.
func mergeOneText(table string) string {
	data := merged(`$7::bool`, `$8::text[]`, `$9::text`)
	return updateOne(table, data+`::json`, `($6::bigint = 0 or s.version = $6)
and `+fits(`false`, `$9::text`, data, `$10::bigint`))
}

func updateOne(table, data, where string) string {
	return `update ` + table + ` s set version = s.version + 1, data = ` + data + `
where s.id = $1 and s.secret_hash = $2 and ` + alive(`$3::bigint`, `$4::bigint`) + ` and clock_timestamp() < $5
and ` + where + lockWait(`'`+briefLockWait+`'`) + `
returning s.version / (clock_timestamp() < s.expires_at)::int, ` + savedTimes
}

// setManyText does what these two do for many rows under one policy, if all changes set entries and do nothing else, which
// is what most do: arrays of ids, secret hashes, base versions, whole texts and entries to set (a JSON object); then the
// fence, the manager's absolute timeout and IdleLimit, and the size limit. The database takes arrays apart one by one, each
// at a price.
//
// A row that somebody else has locked is passed over. As nothing is waited for, the order in which rows are locked does not
// matter. No step of the statement is materialized: that would copy each text once more.
func setManyText(table string) string {
	data := `(s.data::jsonb || m.patch::jsonb)`
	return `update ` + table + ` s set version = s.version + 1,
  data = case when s.version = m.base then m.whole::json else ` + data + `::json end
from (
  select q.* from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::bigint[], $4::text[], $5::text[])
    as q (id, hash, base, whole, patch)
  join ` + table + ` s on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`$7::bigint`, `$8::bigint`) + ` and clock_timestamp() < $6
  for no key update of s skip locked
) m
where s.id = m.id and ` + fits(`s.version = m.base`, `m.patch`, data, `$9::bigint`) + `
returning ` + savedColumns + `, s.id`
}

// fits is the condition under which a row that is not replaced has room for the data merged with patch. A session whose text
// is less than half of the limit is within it, however the database spaces it; only others are merged once more to be
// measured.
func fits(replaced, patch, merged, limit string) string {
	return `case when ` + replaced + ` then true when json_typeof(s.data) <> 'object' then false
  else ` + limit + ` = 0 or 2 * (octet_length(s.data::text) + octet_length(` + patch + `)) <= ` + limit + `
    or octet_length(` + merged + `::text) <= ` + limit + ` end`
}

// saveManyText does so for all changes of entries, and extends some of the sessions: arrays of ids, secret hashes, base
// versions, whole texts, whether to clear, keys to delete (a JSON array), entries to set (a JSON object; null if the data
// stays as it is), how many changes it is that are one here, and whether to extend; then the fence, the manager's absolute
// timeout and IdleLimit, the size limit, and the manager's idle timeout.
func saveManyText(table string) string {
	data := merged(`m.clear`, `array(select json_array_elements_text(m.del::json))`, `m.patch`)
	next := `least(` + after(now, `coalesce(s.idle_timeout_ms, $14::bigint)`) + `, ` +
		after(`s.created_at`, `coalesce(s.absolute_timeout_ms, $11::bigint)`) + `)`
	return `update ` + table + ` s set version = s.version + m.n,
  data = case when m.patch is null then s.data when s.version = m.base then m.whole::json else ` + data + `::json end,
  accessed_at = case when m.extend then ` + now + ` else s.accessed_at end,
  expires_at = case when m.extend then greatest(s.expires_at, ` + next + `) else s.expires_at end
from (
  select q.* from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::bigint[], $4::text[], $5::bool[], $6::text[], $7::text[],
    $8::bigint[], $9::bool[]) as q (id, hash, base, whole, clear, del, patch, n, extend)
  join ` + table + ` s on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`$11::bigint`, `$12::bigint`) + ` and clock_timestamp() < $10
  for no key update of s skip locked
) m
where s.id = m.id and ` + fits(`m.patch is null or s.version = m.base`, `m.patch`, data, `$13::bigint`) + `
returning ` + savedColumns + `, s.id`
}
