package sqlite

import "strings"

// statement names one of the store's SQL statements; each connection compiles those that it uses once.
type statement int

const (
	selectRow   statement = iota // by id, with its data
	selectMeta                   // by id, without
	selectFew                    // by ids, without data
	selectMany                   // by ids, without data
	selectRealm                  // by id, nothing else
	findByKey                    // each of what a Selector selects, without data; the other four follow in this order
	findByOwner
	findByTag
	findByPrefix
	findAll
	insertRow
	updateData
	updateAccess
	updateRow
	deleteRow
	deleteByKey // as findByKey
	deleteByOwner
	deleteByTag
	deleteByPrefix
	deleteAll
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

// What queries select. Of the columns the first is packed, the second, if there is one, the id, the third the realm.
const (
	packedMeta = `cast(` + meta + ` as blob) as packed`
	packedRow  = `cast(` + meta + ` || data as blob) as packed`
	maxColumns = 3
)

type statements [statementCount]string

// newStatements returns the statements for a table, whose name is validated.
func newStatements(table string) *statements {
	s := &statements{
		selectRow:   `select ` + packedRow + ` from {t} where id = ?`,
		selectMeta:  `select ` + packedMeta + ` from {t} where id = ?`,
		selectFew:   `select ` + packedMeta + `, id from {t} where id in (` + marks(few) + `)`,
		selectMany:  `select ` + packedMeta + `, id from {t} where id in (` + marks(many) + `)`,
		selectRealm: `select realm from {t} where id = ?`,

		insertRow:    `insert into {t} (` + columns + `, id, realm) values (` + marks(columnCount-1) + `, cast(? as text), ?, ?)`,
		updateData:   `update {t} set version = ?, data = cast(? as text) where id = ?`,
		updateAccess: `update {t} set accessed_at = ?, expires_at = ? where id = ?`,
		updateRow:    `update {t} set (` + columns + `) = (` + marks(columnCount-1) + `, cast(? as text)) where id = ?`,
		deleteRow:    `delete from {t} where id = ?`,

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
	for i, condition := range selections {
		s[findByKey+statement(i)] = `select ` + packedMeta + `, id, realm from {t} where ` + condition +
			` order by created_at desc, id desc`
		s[deleteByKey+statement(i)] = `delete from {t} where rowid in (select rowid from {t} where ` + condition +
			` limit ?7) returning id, expires_at`
	}
	for i, text := range s {
		s[i] = strings.ReplaceAll(text, "{t}", `"`+table+`"`)
	}
	return s
}

// selections are the conditions of a Selector, for each column by which its rows are found. The parameters are those of
// selecting.
var selections = [...]string{
	`id = ?1 and (?2 is null or owner = ?2) and (?3 is null or tag = ?3) and (?4 is null or realm = ?4) and id <> ?5 and ` + mayBegin,
	`owner = ?2 and (?3 is null or tag = ?3) and (?4 is null or realm = ?4) and id <> ?5 and ` + mayBegin,
	`tag = ?3 and (?4 is null or realm = ?4) and id <> ?5 and ` + mayBegin,
	begins + ` and (?4 is null or realm = ?4) and id <> ?5`,
	`(?4 is null or realm = ?4) and id <> ?5`,
}

// begins says of an owner that it begins with a text. No text has a byte above 0xF4.
const (
	begins   = `owner >= ?6 and owner < ?6 || x'ff'`
	mayBegin = `(?6 is null or ` + begins + `)`
)

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?,", n), ",") }
