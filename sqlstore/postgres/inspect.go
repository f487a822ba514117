package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// inspectRows is how many rows one statement of Inspect looks at.
const inspectRows = 1 << 14

// Inspect implements store.Inspector.
func (s *Store) Inspect(ctx context.Context, keys []store.Handle) ([]store.Record, error) {
	found := make([]store.Record, 0, len(keys))
	for part := range slices.Chunk(keys, inspectRows) {
		bound, cancel := s.bound(ctx)
		records, err := s.inspect(bound, part)
		cancel()
		if err != nil {
			return nil, failed("inspecting sessions", err)
		}
		found = append(found, records...)
	}
	return found, nil
}

func (s *Store) inspect(ctx context.Context, keys []store.Handle) (found []store.Record, err error) {
	st := s.statement(s.sql.inspect, uuids(keys))
	err = s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		found, err = readAll(ctx, conn, st)
		return err
	})
	return found, err
}
