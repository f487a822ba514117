package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/postgres/internal/collector"
)

// Collect implements store.Collector. It deletes range by range, by the index on expires_at or, if much of the table
// has expired, by its pages. The expiry is part of the condition of every delete: a row that is extended meanwhile
// stays. The run is refused, and not done, if the database keeps rows that it was to delete.
func (s *Store) Collect(ctx context.Context, opts store.CollectOptions) (store.CollectReport, error) {
	opts, err := opts.WithDefaults()
	if err != nil {
		return store.CollectReport{}, fmt.Errorf("postgres: %w", err)
	}
	info, err := s.tableInfo(context.WithoutCancel(ctx))
	if err != nil {
		return store.CollectReport{}, failed("collecting expired sessions", err)
	}
	report, err := collector.Run(ctx, s.collector(info), opts)
	return report, failed("collecting expired sessions", err)
}

func (s *Store) collector(info *tableInfo) collector.Config {
	return collector.Config{
		Table:   s.sql.table,
		Local:   !info.distributed,
		Mode:    s.exec,
		LockKey: s.lockKey(info, "collector", ""),
		Do: func(ctx context.Context, fn func(context.Context, *pgxpool.Conn) error) error {
			return s.do(ctx, evenIfApplied, fn)
		},
		Dial: func(ctx context.Context) (*pgx.Conn, error) { return s.dial(ctx, "") },
	}
}
