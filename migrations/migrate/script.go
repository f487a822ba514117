package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// SQL returns, as a script for psql or the sqlite3 shell, what a migration to version would run now, in either direction,
// with what it writes to the version table. It is empty if there is nothing to do. It changes nothing.
//
// The first thing that the script does is to claim its versions, so that of two that run at once one fails and does nothing.
func (m *Migrator) SQL(ctx context.Context, version int64) (string, error) {
	version, err := m.target(version)
	if err != nil {
		return "", err
	}
	now, err := m.Status(ctx)
	if err != nil {
		return "", err
	}
	if err := now.refusal(); err != nil {
		return "", err
	}
	body := m.upSQL(now, version) + m.downSQL(now, version)
	if body == "" {
		return "", nil
	}
	if now.worker {
		return "", fmt.Errorf("migrate: %w", ErrWorker)
	}
	return m.engine.script(body, now.Current == 0), nil
}

func (m *Migrator) upSQL(now Status, version int64) string {
	var todo []migration
	for _, k := range m.known {
		if k.version > now.Current && k.version <= version {
			todo = append(todo, k)
		}
	}
	if len(todo) == 0 {
		return ""
	}
	var b strings.Builder
	for _, statement := range m.engine.versionTable() {
		fmt.Fprintf(&b, "%s;\n", statement)
	}
	for _, k := range todo {
		b.WriteString(m.engine.claim(k.version) + ";\n")
	}
	for _, k := range todo {
		fmt.Fprintf(&b, "\n-- %s\n%s\n", k.name, k.up)
	}
	return b.String()
}

func (m *Migrator) downSQL(now Status, version int64) string {
	var b strings.Builder
	for _, k := range slices.Backward(m.known) {
		if k.version <= now.Current && k.version > version {
			fmt.Fprintf(&b, "-- %s, taken back\n%s\ndelete from %s where version_id = %d;\n\n",
				k.name, k.down, m.table.Versions(), k.version)
		}
	}
	return b.String()
}
