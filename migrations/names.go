package migrations

import (
	"fmt"
	"strings"
)

// maxName leaves room for the longest name made from a table's, within the 63 bytes at which Postgres cuts.
const maxName = 63 - len("_expires_at_idx")

// ValidateName says whether s can name the table or its schema: 1 to 48 ASCII letters, digits and underscores, no digit
// first, and not one of the names that a database keeps for itself (sqlite_…, pg_…). The error names what is wrong.
func ValidateName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("migrations: a name must not be empty")
	case len(s) > maxName:
		return fmt.Errorf("migrations: name of %d bytes, at most %d are possible", len(s), maxName)
	case s[0] >= '0' && s[0] <= '9':
		return fmt.Errorf("migrations: name %q begins with a digit", s)
	}
	if i := strings.IndexFunc(s, notInName); i >= 0 {
		return fmt.Errorf("migrations: name %q: only letters, digits and underscores are possible", s)
	}
	lower := strings.ToLower(s)
	if strings.HasPrefix(lower, "sqlite_") || strings.HasPrefix(lower, "pg_") {
		return fmt.Errorf("migrations: name %q is reserved by the database", s)
	}
	return nil
}

func notInName(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
		return false
	}
	return true
}

// Table is a validated name of the sessions table. Make it with NewTable.
type Table struct {
	Schema string // "" for the connection's own
	Name   string
}

// NewTable validates the names for a dialect; an empty name becomes DefaultTable.
func NewTable(d Dialect, schema, name string) (Table, error) {
	if name == "" {
		name = DefaultTable
	}
	if err := validateSchema(d, schema); err != nil {
		return Table{}, err
	}
	if err := ValidateName(name); err != nil {
		return Table{}, err
	}
	return Table{Schema: schema, Name: name}, nil
}

func validateSchema(d Dialect, schema string) error {
	switch {
	case d != Postgres && d != SQLite:
		return fmt.Errorf("migrations: unknown dialect %q", d)
	case schema == "":
		return nil
	case d == SQLite:
		return fmt.Errorf("migrations: SQLite has no schemas, %q cannot be used", schema)
	}
	return ValidateName(schema)
}

// Quoted returns the name as it stands in a statement: quoted, and qualified if there is a schema.
func (t Table) Quoted() string { return t.sibling("") }

// Versions returns the name of goose's version table for this one, as Quoted does.
func (t Table) Versions() string { return t.sibling("_migrations") }

// Names need no escaping within the quotes: ValidateName has refused every quote.
func (t Table) sibling(suffix string) string {
	name := `"` + t.Name + suffix + `"`
	if t.Schema == "" {
		return name
	}
	return `"` + t.Schema + `".` + name
}
