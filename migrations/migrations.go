// Package migrations holds the SQL that makes the sessions table, for Postgres and for SQLite, as goose reads it. It imports
// neither goose nor a driver: package migrate runs the files, and a service with another migration tool renders them
// for that.
//
// The names of table and schema are part of the SQL, so the files are rendered for them. Names are validated and quoted.
package migrations

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// Dialect names the SQL that a database speaks. The zero Dialect is none.
type Dialect string

// The dialects that the stores of this module speak.
const (
	Postgres Dialect = "postgres"
	SQLite   Dialect = "sqlite"
)

// DefaultTable is the table's name if none is given.
const DefaultTable = "sessions"

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Render returns the migrations of a dialect for one table, in the root of a read-only file system: files
// NNNNN_what.sql with goose's annotations. An empty table means DefaultTable, an empty schema the connection's own (the
// search path on Postgres). SQLite has no schemas.
func Render(d Dialect, schema, table string) (fs.FS, error) {
	t, err := NewTable(d, schema, table)
	if err != nil {
		return nil, err
	}
	dir := string(d)
	entries, err := files.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("migrations: reading the %s files: %w", d, err)
	}
	rendered := memFS{}
	replacer := strings.NewReplacer("{{table}}", t.Quoted(), "{{name}}", t.Name)
	for _, e := range entries {
		text, err := files.ReadFile(dir + "/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("migrations: reading %s: %w", e.Name(), err)
		}
		rendered[e.Name()] = replacer.Replace(string(text))
	}
	return rendered, nil
}
