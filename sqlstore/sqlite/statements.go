package sqlite

import "strings"

// statement names one of the store's SQL statements; each connection compiles those that it uses once.
type statement int

const (
	selectRow   statement = iota // by id, with its data
	selectMeta                   // by id, without
	selectFew                    // by ids, without data
	selectMany                   // by ids, without data
	selectOwner                  // by owner, with data
	insertRow
	updateData
	updateExpiry
	updateRow
	deleteRow
	deleteOwned
	deleteExpired
	countExpired
	beginWrite
	commitWrite
	rollbackWrite
	dataVersion
	freePages
	allPages
	countTables
	isUTF16
	statementCount
)

// How many ids selectFew and selectMany take.
const (
	few  = 16
	many = 500
)

// meta is all of a row but id and data, as unpack reads it. It is one value and not eight: the driver asks for the name
// and the type of each column of each query, which takes longer than to put numbers together and take them apart. Few
// rows have a time of rotation or timeouts of their own.
const meta = `secret_hash || version || ',' || created_at || ',' || expires_at || ',' ||
iif(rotated_at is null and idle_timeout_ms is null and absolute_timeout_ms is null, ',,,',
ifnull(rotated_at, '') || ',' || ifnull(idle_timeout_ms, '') || ',' || ifnull(absolute_timeout_ms, '') || ',') ||
ifnull(octet_length(owner) || ',' || owner, ',')`

// What queries select. Of the columns the first is packed, the second, if there is one, the id.
const (
	packedMeta = `cast(` + meta + ` as blob) as packed`
	packedRow  = `cast(` + meta + ` || data as blob) as packed`
	maxColumns = 2
)

type statements [statementCount]string

// newStatements returns the statements for a table, whose name is validated.
func newStatements(table string) *statements {
	s := &statements{
		selectRow:   `select ` + packedRow + ` from {t} where id = ?`,
		selectMeta:  `select ` + packedMeta + ` from {t} where id = ?`,
		selectFew:   `select ` + packedMeta + `, id from {t} where id in (` + marks(few) + `)`,
		selectMany:  `select ` + packedMeta + `, id from {t} where id in (` + marks(many) + `)`,
		selectOwner: `select ` + packedRow + `, id from {t} where owner = ? order by created_at desc, id desc`,

		insertRow: `insert into {t} (id, secret_hash, rotated_at, version, owner, idle_timeout_ms, absolute_timeout_ms,
			created_at, expires_at, data) values (?, ?, ?, ?, ?, ?, ?, ?, ?, cast(? as text))`,
		updateData:   `update {t} set version = ?, data = cast(? as text) where id = ?`,
		updateExpiry: `update {t} set expires_at = ? where id = ?`,
		updateRow: `update {t} set secret_hash = ?, rotated_at = ?, version = ?, owner = ?, idle_timeout_ms = ?,
			absolute_timeout_ms = ?, created_at = ?, expires_at = ?, data = cast(? as text) where id = ?`,
		deleteRow:   `delete from {t} where id = ?`,
		deleteOwned: `delete from {t} where owner = ? and id <> ? returning id, expires_at`,

		// Every row that is found is deleted in the same transaction, so that none can come back to life in between.
		deleteExpired: `delete from {t} where rowid in (select rowid from {t} where expires_at <= ? order by expires_at limit ?)`,
		countExpired:  `select count(*) from (select 1 from {t} where expires_at <= ? limit ?)`,

		beginWrite:    `begin immediate`,
		commitWrite:   `commit`,
		rollbackWrite: `rollback`,
		dataVersion:   `pragma data_version`,
		freePages:     `pragma freelist_count`,
		allPages:      `pragma page_count`,
		countTables:   `select count(*) from sqlite_schema where type = 'table' and name = ? collate nocase`,
		isUTF16:       `select encoding <> 'UTF-8' from pragma_encoding`,
	}
	for i, text := range s {
		s[i] = strings.ReplaceAll(text, "{t}", `"`+table+`"`)
	}
	return s
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
