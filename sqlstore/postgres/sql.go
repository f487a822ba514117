package postgres

import (
	"strconv"
	"strings"
	"sync"

	"github.com/simples-go/sessions/migrations"
)

// Parts of statements. The alias s is the table. Arithmetic goes through timestamps in UTC, and now() stays out of CASE
// and COALESCE: a distributed table accepts no other form in an UPDATE, since timestamptz + interval is not immutable.
const (
	// nowUTC is the database's clock in whole milliseconds, as a timestamp in UTC. It stands still within a transaction.
	nowUTC = `date_trunc('milliseconds', now() at time zone 'utc')`
	now    = `(` + nowUTC + ` at time zone 'utc')`
)

// after is a timestamptz that is a number of milliseconds later than a timestamp in UTC.
func after(utc, millis string) string {
	return `((` + utc + ` + ` + millis + ` * interval '1 ms') at time zone 'utc')`
}

// alive is the condition under which a row is a session: neither its stored expiry nor its absolute end, which a
// changed configuration may have moved, has come. absolute is the manager's absolute timeout in milliseconds.
func alive(absolute string) string {
	return `s.expires_at > now() and ` + after(`(s.created_at at time zone 'utc')`,
		`coalesce(s.absolute_timeout_ms, `+absolute+`)`) + ` > now()`
}

// expiry is the instant that an access now gives a session.
func expiry(idle, createdUTC, absolute string) string {
	return `least(` + after(nowUTC, idle) + `, ` + after(createdUTC, absolute) + `)`
}

// accessExpiry is expiry for the row as it is, with the manager's timeouts where it has none of its own.
func accessExpiry(idle, absolute string) string {
	return expiry(`coalesce(s.idle_timeout_ms, `+idle+`)`, `(s.created_at at time zone 'utc')`,
		`coalesce(s.absolute_timeout_ms, `+absolute+`)`)
}

// asyncCommit makes the transaction that evaluates it return before its commit is on disk, and no other: a touch that
// is lost in a crash is harmless. It is evaluated once, where a row is found.
const asyncCommit = ` and (select set_config('synchronous_commit', 'off', true)) = 'off'`

// texts are the statements for one table.
type texts struct {
	table string // quoted
	name  string

	load, loadMany, look, inspect, lock string
	insert, insertRotated               string
	touchMany, lockMany                 string
	saveMany, setMany                   string
	owned                               string
}

func newTexts(t migrations.Table) texts {
	x := texts{table: t.Quoted(), name: t.Name}
	from := ` from ` + x.table + ` s where `
	// Who comes with another secret gets the row only where he may be told that it was rotated, or has expired.
	named := ` and (s.secret_hash = $2 or s.rotated_at is not null or s.expires_at <= now())`
	x.load = `select ` + columns + `, s.data` + from + `s.id = $1` + named
	// The rows of a batch are compared with the secrets by loadMany, each with its own and not with all.
	x.loadMany = `select ` + columns + `, s.data` + from + `s.id = any(` + param(`$1::uuid[]`) + `)`
	x.look = `select ` + columns + from + `s.id = $1`
	x.inspect = `select ` + columns + from + `s.id = any($1)`
	x.lock = x.load + ` for update`
	x.lockMany = `select s.id` + from + `s.id = any($1) order by s.id for update`
	x.owned = ownedText(x.table)
	x.insert, x.insertRotated = insertText(x.table, `null`), insertText(x.table, now)
	x.touchMany = touchManyText(x.table)
	x.saveMany, x.setMany = saveManyText(x.table), setManyText(x.table)
	return x
}

// writes are the statements whose form depends on what the table runs on.
type writes struct {
	table       string // quoted
	distributed bool

	touch, destroy, revokeIDs string

	saves sync.Map // shape → string
}

func newWrites(table string, distributed bool) *writes {
	w := &writes{table: table, distributed: distributed}
	w.touch = w.touchText()
	w.destroy = w.delete(`s.id = $1 and s.secret_hash = $2`)
	w.revokeIDs = w.delete(`s.id = any($1)`)
	return w
}

// update is one of the rows where a condition holds. It returns what readSaved reads.
func (w *writes) update(set, where string) string {
	return w.write(`update `+w.table+` s set `+set, ` from `, where, savedColumns+`, `+w.clock())
}

// delete returns each row's id and whether it was a session still.
func (w *writes) delete(where string) string {
	return w.write(`delete from `+w.table+` s`, ` using `, where, `s.id, s.expires_at > `+w.clock())
}

// write puts a statement together. A distributed table returns from a write only what is immutable, and refuses now():
// there the clock is a column of a table beside it. The statement around it has the server that plans it put the value
// of the clock in, where it would otherwise send that table to the row's server first.
func (w *writes) write(head, beside, where, columns string) string {
	if !w.distributed {
		return head + ` where ` + where + ` returning ` + columns
	}
	return `with w as (` + head + beside + `(values (now())) c (clock) where ` + where + ` returning ` + columns +
		`) select * from w`
}

// clock is the database's clock among what a write returns.
func (w *writes) clock() string {
	if w.distributed {
		return `c.clock`
	}
	return `now()`
}

// insertText returns the new row's created_at for the clock: that is what was read from it.
func insertText(table, rotatedAt string) string {
	return `insert into ` + table + ` as s (id, secret_hash, rotated_at, data, version, owner, idle_timeout_ms,
absolute_timeout_ms, created_at, expires_at) values ($1, $2, ` + rotatedAt + `, $3::text::jsonb, 1, $4, $5, $6,
` + now + `, ` + after(nowUTC, `$7::bigint`) + `) on conflict do nothing returning ` + savedColumns + `, s.created_at`
}

// touchText extends the expiry of the row $1 with the secret $2 where that gains at least the part $5 of its idle
// timeout, and a millisecond. $3 and $4 are the manager's timeouts. Where the table is local, nobody waits for its
// commit.
func (w *writes) touchText() string {
	next := accessExpiry(`$3::bigint`, `$4::bigint`)
	where := `s.id = $1 and s.secret_hash = $2 and ` + alive(`$4::bigint`) + `
and ` + next + ` >= ` + gained(`$3::bigint`, `$5::float8`)
	if !w.distributed {
		where += asyncCommit
	}
	return w.update(`expires_at = greatest(s.expires_at, `+next+`)`, where)
}

// gained is the least expiry for which a touch writes.
func gained(idle, step string) string {
	return after(`(s.expires_at at time zone 'utc')`, `greatest(1, coalesce(s.idle_timeout_ms, `+idle+`) * `+step+`)`)
}

// touchManyText does what touchText does for arrays of the same arguments. The rows are locked in the order of their
// ids, so that two of these never wait for each other in a circle.
func touchManyText(table string) string {
	next := accessExpiry(`q.idle`, `q.absolute`)
	return `with q as materialized (
  select * from unnest(` + param(`$1::uuid[]`) + `, $2::bytea[], $3::bigint[], $4::bigint[], $5::float8[])
    as q (id, hash, idle, absolute, step)
), due as materialized (
  select s.id, greatest(s.expires_at, ` + next + `) as expires_at
  from ` + table + ` s join q on q.id = s.id and q.hash = s.secret_hash
  where ` + alive(`q.absolute`) + `
  and ` + next + ` >= ` + gained(`q.idle`, `q.step`) + `
  order by s.id for no key update of s
)
update ` + table + ` s set expires_at = due.expires_at from due where s.id = due.id` + asyncCommit + `
returning ` + savedColumns + `, now(), s.id`
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
