package postgres

import (
	"strconv"
	"strings"

	"github.com/simples-go/sessions/migrations"
)

// Parts of statements. The alias s is the table.

// now is the database's clock in whole milliseconds. It stands still within a transaction.
const now = `date_trunc('milliseconds', now())`

// after is a timestamp that is a number of milliseconds later than another.
func after(at, millis string) string { return at + ` + ` + millis + ` * interval '1 ms'` }

// alive is the condition under which a row is a session, as store.Record.End has it. absolute and idle are the manager's
// absolute timeout and IdleLimit in milliseconds.
func alive(absolute, idle string) string {
	return `s.expires_at > now() and ` + after(`s.created_at`, `coalesce(s.absolute_timeout_ms, `+absolute+`)`) +
		` > now() and ` + after(`s.accessed_at`, idle) + ` > now()`
}

// asyncCommit makes the transaction that evaluates it return before its commit is on disk, and no other: a touch that
// is lost in a crash is harmless. It is evaluated once, if a row is found.
const asyncCommit = ` and (select set_config('synchronous_commit', 'off', true)) = 'off'`

// lockWait is how long a statement that changes one row waits for its lock, in milliseconds. It is evaluated for the row
// before that is locked; within a select of its own, once for the statement, it would cost the server twice as much.
func lockWait(millis string) string {
	return ` and set_config('lock_timeout', ` + millis + `, true) is not null`
}

// texts are the statements for one table.
type texts struct {
	table string // quoted
	name  string

	load, loadMany, meta, inspect, lock string // reads
	insert, write                       string
	replaceOne, mergeOne                string
	setMany, saveMany                   string
	touchOne, touchMany                 string
	destroy, remove                     string
}

func newTexts(t migrations.Table) texts {
	all := texts{table: t.Quoted(), name: t.Name}
	from := ` from ` + all.table + ` s where `
	// With another secret the row is returned only if the answer may be that it was rotated, or has expired.
	named := `s.id = $1 and (s.secret_hash = $2 or s.former_hashes is not null or s.expires_at <= now())`
	all.load = `select ` + record(`null::uuid`, `nullif(s.secret_hash, $2)`, `s.data`) + from + named
	// The rows of a batch are compared with the secrets in Go, each with its own.
	all.loadMany = `select ` + record(`s.id`, `s.secret_hash`, `s.data`) + from + `s.id = any(` + param(`$1::uuid[]`) + `)`
	all.meta = `select ` + record(`s.id`, `s.secret_hash`, `null::json`) + from + `s.id = $1`
	all.inspect = `select ` + record(`s.id`, `s.secret_hash`, `null::json`) + from + `s.id = any($1)`
	all.lock = `select ` + record(`s.id`, `s.secret_hash`, `s.data`) + from + named + ` for update`
	all.insert = insertText(all.table)
	all.write = writeText(all.table)
	all.replaceOne, all.mergeOne = replaceOneText(all.table), mergeOneText(all.table)
	all.setMany, all.saveMany = setManyText(all.table), saveManyText(all.table)
	all.touchOne, all.touchMany = touchOneText(all.table), touchManyText(all.table)
	all.remove = `delete` + from + `s.id = $1 returning s.id, s.expires_at`
	all.destroy = `delete` + from + `s.id = $1 and s.secret_hash = $2 and clock_timestamp() < $3` + lockWait(`$4`) +
		` returning s.id, s.expires_at > now()`
	return all
}

// insertText inserts nothing if the database's clock is past $3: a null version is refused. What it returns for the clock
// is created_at, which was read from it.
func insertText(table string) string {
	at := func(flag string) string { return `case when ` + flag + ` then ` + now + ` end` }
	return `insert into ` + table + ` as s (id, secret_hash, version, created_at, accessed_at, expires_at, realm, owner, tag,
idle_timeout_ms, absolute_timeout_ms, persistence, authenticated_at, rotated_at, former_hashes, device, data)
values ($1, $2, case when clock_timestamp() < $3 then 1 end, ` + now + `, ` + now + `, ` + after(now, `$4::bigint`) + `,
$5, $6, $7, $8, $9, $10, ` + at(`$11::bool`) + `, ` + at(`$12::bool`) + `, $13, $14, $15)
on conflict do nothing returning s.version, s.created_at, s.accessed_at, s.expires_at, s.created_at`
}

// writeText writes the row $1, which the transaction has locked; the data only if $16 is not null.
func writeText(table string) string {
	return `update ` + table + ` s set secret_hash = $2, version = $3, created_at = $4, accessed_at = $5, expires_at = $6,
owner = $7, tag = $8, idle_timeout_ms = $9, absolute_timeout_ms = $10, persistence = $11, authenticated_at = $12,
rotated_at = $13, former_hashes = $14, device = $15, data = coalesce($16::json, s.data) where s.id = $1 returning s.id`
}

// touchOneText does for one row what touchManyText does, with the check of replaceOneText.
func touchOneText(table string) string {
	return `update ` + table + ` s set accessed_at = $5, expires_at = $6
where s.id = $1 and s.secret_hash = $2 and date_trunc('milliseconds', s.accessed_at) = $3
and date_trunc('milliseconds', s.expires_at) = $4 and s.expires_at > clock_timestamp()` +
		asyncCommit + lockWait(`'`+briefLockWait+`'`) + `
returning s.id, 1 / case when clock_timestamp() < $4 then 1 else 0 end`
}

// touchManyText writes the times $5 and $6 into rows that still have those of $3 and $4, so that the rule of
// store.Record.Touch need not be written in SQL too. A row that somebody else has locked is passed over.
func touchManyText(table string) string {
	return `with q as materialized (
  select * from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[],
    $6::timestamptz[]) as q (id, hash, accessed, expires, next_accessed, next_expires)
), due as materialized (
  select s.id, q.next_accessed, q.next_expires
  from ` + table + ` s join q on q.id = s.id and q.hash = s.secret_hash
  where s.expires_at > clock_timestamp() and date_trunc('milliseconds', s.accessed_at) = q.accessed
  and date_trunc('milliseconds', s.expires_at) = q.expires
  order by s.id for no key update of s skip locked
)
update ` + table + ` s set accessed_at = due.next_accessed, expires_at = due.next_expires
from due where s.id = due.id` + asyncCommit + `
returning ` + savedColumns + `, s.id`
}

// param hides the value of a parameter with its type ($1::uuid[]) from the planner. It then has one plan for arrays of
// any length: with their lengths in sight it would plan a small batch anew each time, at the price of running it twice.
func param(typed string) string {
	_, kind, _ := strings.Cut(typed, `::`)
	return `(select ` + typed + `)::` + kind
}

// placeholders numbers a statement's parameters.
type placeholders struct{ n int }

func (p *placeholders) next() string {
	p.n++
	return `$` + strconv.Itoa(p.n)
}
