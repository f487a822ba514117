package migrate

import (
	"context"
	"database/sql"
	"fmt"
)

// Adopt records the newest version for a table that another tool has made, or that was restored without its version
// table, and returns that version; 0 if one is recorded already. The table is not changed. It has to be as the migrations
// leave it: ErrForeignTable is returned for one that lacks columns, ErrDirty for one that lacks an index, and ErrBehind if
// there is none.
func (m *Migrator) Adopt(ctx context.Context) (version int64, err error) {
	if m.missing() {
		return 0, m.nothingToAdopt()
	}
	err = m.locked(ctx, func(db *sql.DB) error {
		version, err = m.adopt(ctx, db)
		return err
	})
	if err != nil {
		return 0, m.engine.explain(m.readOnly(ctx, err))
	}
	return version, nil
}

func (m *Migrator) adopt(ctx context.Context, db *sql.DB) (int64, error) {
	now, err := m.read(ctx, db)
	switch {
	case err != nil:
		return 0, err
	case now.worker:
		return 0, fmt.Errorf("migrate: %w", ErrWorker)
	case now.Current > 0:
		return 0, now.err()
	case now.err() != nil && !now.unversioned:
		return 0, now.err()
	case !now.unversioned:
		return 0, m.nothingToAdopt()
	}
	if err := m.recordAll(ctx, db); err != nil {
		return 0, err
	}
	return m.latest(), m.verify(ctx, db)
}

func (m *Migrator) nothingToAdopt() error {
	return fmt.Errorf("migrate: %w: there is no table %s to adopt: run sessions-migrate up", ErrBehind, m.table.Quoted())
}

func (m *Migrator) recordAll(ctx context.Context, db *sql.DB) error {
	if err := m.ensureVersions(ctx, db); err != nil {
		return err
	}
	for _, version := range m.versionsKnown() {
		if err := exec(ctx, db, m.engine.record(version)); err != nil {
			return err
		}
	}
	return nil
}
