package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pressly/goose/v3"
)

// Step is a migration that was run.
type Step struct {
	Version  int64         `json:"version"`
	Name     string        `json:"name"`
	Down     bool          `json:"down"`
	Duration time.Duration `json:"-"`
}

// Up applies every pending migration and returns those that it applied, none if another process was faster. It returns
// ErrNewer, ErrForeignTable, ErrDirty, or an error of the database.
func (m *Migrator) Up(ctx context.Context) ([]Step, error) { return m.UpTo(ctx, Latest) }

// UpTo is Up as far as version, which is applied too.
func (m *Migrator) UpTo(ctx context.Context, version int64) ([]Step, error) {
	version, err := m.target(version)
	if err != nil {
		return nil, err
	}
	if now, err := m.Status(ctx); err == nil && now.refusal() == nil && version <= now.Current {
		return nil, nil // the usual start of a service: no lock, no right to create anything
	}
	if err := m.create(ctx); err != nil {
		return nil, m.engine.explain(err)
	}
	return m.change(ctx, func(p *goose.Provider, now Status) ([]*goose.MigrationResult, error) {
		if version <= now.Current {
			return nil, nil
		}
		return p.UpTo(ctx, version)
	})
}

// Down takes back the newest migration. It drops data, and is refused with ErrDropsData unless Options.DropData says
// otherwise. It returns no step if nothing was applied.
func (m *Migrator) Down(ctx context.Context) ([]Step, error) {
	return m.down(ctx, 0, func(p *goose.Provider, now Status) ([]*goose.MigrationResult, error) {
		if now.Current == 0 {
			return nil, nil
		}
		one, err := p.Down(ctx)
		return []*goose.MigrationResult{one}, err
	})
}

// DownTo takes back every migration above version; 0 takes back all. See Down.
func (m *Migrator) DownTo(ctx context.Context, version int64) ([]Step, error) {
	version, err := m.target(version)
	if err != nil {
		return nil, err
	}
	return m.down(ctx, version, func(p *goose.Provider, now Status) ([]*goose.MigrationResult, error) {
		if version >= now.Current {
			return nil, nil
		}
		return p.DownTo(ctx, version)
	})
}

type runner func(*goose.Provider, Status) ([]*goose.MigrationResult, error)

// down calls run if there is something above the version.
func (m *Migrator) down(ctx context.Context, above int64, run runner) ([]Step, error) {
	if !m.dropData {
		return nil, fmt.Errorf("migrate: %w", ErrDropsData)
	}
	if now, err := m.Status(ctx); err == nil && now.refusal() == nil && now.Current <= above {
		return nil, nil
	}
	return m.change(ctx, run)
}

// change runs run under the lock, between a look at what is there and a look at what became of it.
func (m *Migrator) change(ctx context.Context, run runner) (steps []Step, err error) {
	err = m.locked(ctx, func(db *sql.DB) error {
		now, err := m.ready(ctx, db)
		if err != nil {
			return err
		}
		provider, err := m.provider(db)
		if err != nil {
			return err
		}
		results, err := run(provider, now)
		if err != nil {
			return fmt.Errorf("migrate: %w", cause(err))
		}
		steps = asSteps(results)
		return m.verify(ctx, db)
	})
	if err != nil {
		return nil, m.engine.explain(m.readOnly(ctx, err))
	}
	return steps, nil
}

// ready refuses a database that must not be changed, and makes the version table.
func (m *Migrator) ready(ctx context.Context, db *sql.DB) (Status, error) {
	now, err := m.read(ctx, db)
	if err == nil {
		err = now.refusal()
	}
	if err == nil && now.worker {
		err = fmt.Errorf("migrate: %w", ErrWorker)
	}
	if err != nil {
		return now, err
	}
	return now, m.ensureVersions(ctx, db)
}

func (m *Migrator) verify(ctx context.Context, db *sql.DB) error {
	now, err := m.read(ctx, db)
	if err != nil {
		return err
	}
	return now.err()
}

func (m *Migrator) provider(db *sql.DB) (*goose.Provider, error) {
	versions, err := m.engine.versions()
	if err != nil {
		return nil, err
	}
	p, err := goose.NewProvider(goose.DialectCustom, db, m.files, goose.WithStore(versions),
		goose.WithDisableGlobalRegistry(true), goose.WithSlog(slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, fmt.Errorf("migrate: setting up goose: %w", err)
	}
	return p, nil
}

// cause leaves out goose's account of which migrations went through: with the transaction, none did.
func cause(err error) error {
	var partial *goose.PartialError
	if errors.As(err, &partial) {
		return fmt.Errorf("migration %d: %w", partial.Failed.Source.Version, partial.Err)
	}
	return err
}

func asSteps(results []*goose.MigrationResult) []Step {
	var steps []Step
	for _, r := range results {
		steps = append(steps, Step{r.Source.Version, r.Source.Path, r.Direction == "down", r.Duration})
	}
	return steps
}
