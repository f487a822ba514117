package migrate

import (
	"fmt"
	"slices"
	"strings"

	"github.com/simples-go/sessions/migrations"
)

// found is what the catalog says of the tables. A table that is not there has no columns.
type found struct {
	columns        []string
	versionColumns []string
	indexes        []index
	otherTypes     []string // what is wrong with the columns' types

	worker, distributed bool // of Citus: the server, the table
}

// isOurs reports whether the table has all columns, and nothing but a version table stands in that one's place.
func (f found) isOurs(columns []string) bool {
	return len(f.columns) > 0 && len(missing(f.columns, columns)) == 0 &&
		(len(f.versionColumns) == 0 || len(missing(f.versionColumns, versionColumns)) == 0)
}

// onWorker reports whether the table has come from the coordinator, to which its versions are known.
func (f found) onWorker() bool { return f.worker && f.distributed }

type index struct {
	name  string
	first string // the column that it begins with
	valid bool

	unique      bool // of all rows, by that column alone
	partitioned bool // of a table with partitions
}

var versionColumns = []string{"version_id", "is_applied"}

// diagnose says what does not fit. foreign reports that no migration has made the table.
func (m *Migrator) diagnose(f found, s Status) (problems []string, foreign bool) {
	name, versions := m.table.Quoted(), m.table.Versions()
	lacks := missing(f.columns, m.engine.columns())
	switch {
	case f.onWorker() && s.Current == 0:
		return nil, false // behind, and not this server's business
	case len(f.versionColumns) > 0 && len(missing(f.versionColumns, versionColumns)) > 0:
		return []string{fmt.Sprintf("%s is not a version table: choose another table name, or rename that one", versions)}, true
	case len(f.columns) > 0 && s.Current == 0 && len(lacks) > 0 && m.ofStranger(f.columns) != "":
		return []string{m.ofStranger(f.columns)}, true
	case len(f.columns) > 0 && s.Current == 0 && len(lacks) > 0:
		return []string{fmt.Sprintf("%s has no column %s: choose another table name, or rename that one",
			name, strings.Join(lacks, ", "))}, true
	case len(f.columns) > 0 && s.Current == 0:
		return []string{m.looksOurs()}, true
	case len(f.columns) == 0 && s.Current > 0:
		return []string{fmt.Sprintf("%s is gone, but %s says that version %d made it: restore it, or drop %s and migrate up",
			name, versions, s.Current, versions)}, false
	}
	problems = append(problems, gaps(s, versions)...)
	if s.Current == 0 {
		return problems, false
	}
	if len(lacks) > 0 {
		problems = append(problems, fmt.Sprintf("%s has lost column %s: restore it", name, strings.Join(lacks, ", ")))
	}
	problems = append(problems, f.otherTypes...)
	return append(problems, m.engine.indexProblems(f.indexes)...), false
}

// looksOurs is the problem of a table without versions, which another tool has made or somebody has restored.
func (m *Migrator) looksOurs() string {
	return fmt.Sprintf("%s looks like ours, but %s does not say which version it is at: if it is ours, run sessions-migrate "+
		"adopt; otherwise choose another table name", m.table.Quoted(), m.table.Versions())
}

func gaps(s Status, versions string) []string {
	var list []string
	for _, m := range s.Migrations {
		if !m.Applied && m.Version < s.Current {
			list = append(list, fmt.Sprintf("%s lacks version %d below %d: restore its rows", versions, m.Version, s.Current))
		}
	}
	return list
}

func missing(have, want []string) []string {
	return slices.DeleteFunc(slices.Clone(want), func(c string) bool { return slices.Contains(have, c) })
}

// wantIndex is an index that the statements of the stores rely on, by the column that it begins with.
type wantIndex struct{ column, create string }

// wanted returns the index that the migrations make on columns; where is the rest of its definition.
func wanted(t migrations.Table, column, columns, where string) wantIndex {
	return wantIndex{column, fmt.Sprintf(`"%s_%s_idx" on %s (%s)%s`, t.Name, column, t.Quoted(), columns, where)}
}

// haveKey reports whether an index keeps a key from being there twice.
func haveKey(have []index) bool {
	return slices.ContainsFunc(have, func(i index) bool { return i.first == "id" && i.unique })
}

func lackingIndexes(have []index, wants []wantIndex, create string) []string {
	var list []string
	for _, w := range wants {
		if !slices.ContainsFunc(have, func(i index) bool { return i.first == w.column }) {
			list = append(list, fmt.Sprintf("no index on %s: run: %s %s", w.column, create, w.create))
		}
	}
	return list
}
