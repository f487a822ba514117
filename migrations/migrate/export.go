package migrate

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/simples-go/sessions/migrations"
)

// Format names the form in which another tool wants its migrations.
type Format string

// The forms of Export. Plain is one text without a way down.
const (
	Plain         Format = "plain"
	Goose         Format = "goose"
	GolangMigrate Format = "golang-migrate"
	Dbmate        Format = "dbmate"
	Atlas         Format = "atlas"
	Flyway        Format = "flyway"
)

// Formats returns the names of all forms.
func Formats() []Format { return []Format{Plain, Goose, GolangMigrate, Dbmate, Atlas, Flyway} }

// File is one file for another tool.
type File struct {
	Name, Text string

	// Number is the number in Name, the same for all files of a migration.
	Number string

	// Mark is a line of Text that says which migration of which table it is.
	Mark string
}

// Export returns the migrations up to version as files for another tool, without a database. They record their versions
// in the version table, so that Check and Up agree with what the tool has done. One whose version is there already
// fails, and changes nothing if the tool runs each file as one transaction. The names begin with first, a number of
// digits, and with those that follow it; tools order migrations by it, so it is to be above that of the application's
// newest.
func Export(opts Options, f Format, version int64, first string) ([]File, error) {
	m, err := New(nil, opts)
	if err != nil {
		return nil, err
	}
	if version, err = m.target(version); err != nil {
		return nil, err
	}
	layout, ok := layouts[f]
	if !ok {
		return nil, fmt.Errorf("migrate: there is no form %q", f)
	}
	number, err := strconv.ParseUint(cmp.Or(first, "1"), 10, 63)
	if err != nil {
		return nil, fmt.Errorf("migrate: the first number has to consist of at most 18 digits")
	}
	var files []File
	for i, k := range m.known {
		if k.version <= version {
			files = append(files, laidOut(layout, m.exported(k), fmt.Sprintf("%0*d", len(first), number+uint64(i)))...)
		}
	}
	return slices.Clip(files), nil
}

func laidOut(layout func(exported, string) []File, e exported, number string) []File {
	files := layout(e, number)
	for i := range files {
		files[i].Number = number
	}
	return files
}

// exported is a migration with what records its version.
type exported struct {
	name     string // that of the table, and of the migration behind its number
	mark     string
	up, down string
}

func (m *Migrator) exported(k migration) exported {
	var up strings.Builder
	for _, statement := range append(m.engine.versionTable(), m.engine.record(k.version)) {
		up.WriteString(statement + ";\n")
	}
	fmt.Fprintf(&up, "\n%s\n", k.up)
	_, name, _ := strings.Cut(strings.TrimSuffix(k.name, ".sql"), "_")
	if m.table.Name != migrations.DefaultTable {
		name = m.table.Name + "_" + name
	}
	return exported{
		name: name,
		mark: fmt.Sprintf("-- Made by sessions-migrate: %s for %s", k.name, m.table.Quoted()),
		up:   up.String(),
		down: fmt.Sprintf("%s\n\ndelete from %s where version_id = %d;\n", k.down, m.table.Versions(), k.version),
	}
}

// layouts make the files of a migration.
var layouts = map[Format]func(e exported, number string) []File{
	Plain: func(e exported, number string) []File {
		return []File{e.file(number+"_"+e.name+".sql", e.up)}
	},
	Goose: func(e exported, number string) []File {
		return []File{e.file(number+"_"+e.name+".sql", "-- +goose Up\n"+e.up+"\n-- +goose Down\n"+e.down)}
	},
	GolangMigrate: func(e exported, number string) []File {
		name := number + "_" + e.name
		return []File{e.file(name+".up.sql", e.up), e.back(name + ".down.sql")}
	},
	Dbmate: func(e exported, number string) []File {
		return []File{e.file(number+"_"+e.name+".sql", "-- migrate:up\n"+e.up+"\n-- migrate:down\n"+e.down)}
	},
	Atlas: func(e exported, number string) []File {
		return []File{e.file(number+"_"+e.name+".sql", e.up)}
	},
	Flyway: func(e exported, number string) []File {
		name := number + "__" + e.name + ".sql"
		return []File{e.file("V"+name, e.up), e.back("U" + name)}
	},
}

func (e exported) file(name, text string) File {
	return File{Name: name, Text: e.mark + "\n\n" + text, Mark: e.mark}
}

// back is the file that takes the migration back.
func (e exported) back(name string) File {
	e.mark += ", taken back"
	return e.file(name, e.down)
}
