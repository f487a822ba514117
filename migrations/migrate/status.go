package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Status is what a database says of its migrations.
type Status struct {
	Table      string      `json:"table"`
	Current    int64       `json:"current"` // the newest applied version, 0 for none
	Latest     int64       `json:"latest"`  // the newest version that this build knows
	Migrations []Migration `json:"migrations"`

	// Problems are what makes the database dirty, each with what to do about it.
	Problems []string `json:"problems"`

	foreign     bool
	unversioned bool // the table is as ours, and no version is recorded
	worker      bool // of Citus, on which nothing can be made
}

// Migration is one known version.
type Migration struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// Pending returns the versions that Up would apply.
func (s Status) Pending() []int64 {
	var list []int64
	for _, m := range s.Migrations {
		if !m.Applied {
			list = append(list, m.Version)
		}
	}
	return list
}

// Newer reports whether the database has migrations that this build does not know.
func (s Status) Newer() bool { return s.Current > s.Latest }

// err is nil if nothing is wrong with what is there; a database that is behind is not wrong.
func (s Status) err() error {
	switch {
	case len(s.Problems) == 0:
		return nil
	case s.foreign:
		return fmt.Errorf("migrate: %w: %s", ErrForeignTable, s.Problems[0])
	}
	return fmt.Errorf("migrate: %w: %s", ErrDirty, strings.Join(s.Problems, "; "))
}

// refusal is nil if the database may be changed.
func (s Status) refusal() error {
	if s.Newer() {
		return fmt.Errorf("migrate: %w: it is at version %d, this program knows %d: use a newer release of it",
			ErrNewer, s.Current, s.Latest)
	}
	return s.err()
}

// Status looks, and changes nothing. It works on a read-only standby and on a newer database too.
func (m *Migrator) Status(ctx context.Context) (Status, error) {
	if m.missing() {
		return m.status(nil), nil
	}
	now, err := m.glance(ctx, m.db)
	if err == nil && now.err() != nil {
		// Without the lock, the parts of a look may lie on both sides of another process's commit; those of two looks do not.
		now, err = m.glance(ctx, m.db)
	}
	if m.standby != nil && hasType(err, connectError) {
		if other, failed := m.glance(ctx, m.standby); failed == nil {
			return other, nil
		}
	}
	return now, m.engine.explain(err)
}

// readOnly adds the advice to err if a server can be reached, but none that accepts writes.
func (m *Migrator) readOnly(ctx context.Context, err error) error {
	if m.standby == nil || !hasType(err, connectError) || m.standby.PingContext(ctx) != nil {
		return err
	}
	return advise(err, readOnlyAdvice)
}

func (m *Migrator) glance(ctx context.Context, q querier) (now Status, err error) {
	err = retryBusy(ctx, func() error {
		now, err = m.read(ctx, q)
		return err
	})
	return now, err
}

// Check returns nil if the database has all that this build needs: an error that matches ErrBehind, ErrDirty or
// ErrForeignTable otherwise.
func (m *Migrator) Check(ctx context.Context) error {
	now, err := m.Status(ctx)
	if err != nil {
		return err
	}
	if err := now.err(); err != nil {
		return err
	}
	if n := len(now.Pending()); n > 0 {
		where := ""
		if now.worker {
			where = " on the coordinator"
		}
		return fmt.Errorf("migrate: %w: at version %d, %d to apply up to %d: run sessions-migrate up%s",
			ErrBehind, now.Current, n, now.Latest, where)
	}
	return nil
}

// querier is a *sql.DB, or what stands for one in a transaction.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// read collects the status from the version table and the catalog.
func (m *Migrator) read(ctx context.Context, q querier) (Status, error) {
	found, err := m.engine.look(ctx, q)
	if err != nil {
		return Status{}, err
	}
	applied, unapplied, err := m.versions(ctx, q, found)
	if err != nil {
		return Status{}, err
	}
	if found.onWorker() && len(found.versionColumns) == 0 && len(missing(found.columns, m.engine.columns())) == 0 {
		applied = m.versionsKnown()
	}
	s := m.status(applied)
	s.worker = found.worker
	s.unversioned = s.Current == 0 && found.isOurs(m.engine.columns())
	if unapplied {
		s.Problems = append(s.Problems, fmt.Sprintf("%s has rows that say of a version that it is not applied, which no "+
			"release of this program writes: run: delete from %s where not is_applied", m.table.Versions(), m.table.Versions()))
	}
	problems, foreign := m.diagnose(found, s)
	s.Problems, s.foreign = append(s.Problems, problems...), foreign
	return s, nil
}

func (m *Migrator) status(applied []int64) Status {
	s := Status{Table: m.table.Quoted(), Latest: m.latest(), Problems: []string{}}
	for _, k := range m.known {
		s.Migrations = append(s.Migrations, Migration{k.version, k.name, slices.Contains(applied, k.version)})
	}
	if len(applied) > 0 {
		s.Current = slices.Max(applied)
	}
	return s
}

// versions returns those in the version table that are applied, and whether there are others.
func (m *Migrator) versions(ctx context.Context, q querier, found found) (applied []int64, others bool, err error) {
	if len(found.versionColumns) == 0 || len(missing(found.versionColumns, versionColumns)) > 0 {
		return nil, false, nil
	}
	query := "select version_id, is_applied from " + m.table.Versions() + " where version_id > 0"
	err = readRows(ctx, q, query, nil, func(rows *sql.Rows) error {
		var version int64
		var is bool
		if err := rows.Scan(&version, &is); err != nil {
			return err
		}
		if others = others || !is; is {
			applied = append(applied, version)
		}
		return nil
	})
	return applied, others, err
}

// ensureVersions makes the version table and its zero row, which goose wants to see, if they are not there.
func (m *Migrator) ensureVersions(ctx context.Context, db *sql.DB) error {
	for _, statement := range m.engine.versionTable() {
		if err := exec(ctx, db, statement); err != nil {
			return err
		}
	}
	return nil
}
