package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// tableInfo is what the table runs on.
type tableInfo struct {
	schema      string
	channel     string // of its notifications
	distributed bool
	batching    bool
}

const findTable = `select n.nspname, exists (select from pg_extension where extname = 'citus'),
current_setting('server_encoding'), clock_timestamp()
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass($1)`

const findDistribution = `select exists (select from pg_dist_partition where logicalrelid = $1::text::regclass)`

// tableInfo returns what the table runs on. It queries the database until one query has succeeded.
func (s *Store) tableInfo(ctx context.Context) (*tableInfo, error) {
	if info := s.info.Load(); info != nil {
		return info, nil
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info := new(tableInfo)
	err := s.do(ctx, evenIfApplied, func(ctx context.Context, conn *pgxpool.Conn) error {
		return s.readTableInfo(ctx, conn, info)
	})
	if err != nil {
		return nil, failed("looking for the table", err)
	}
	s.info.Store(info)
	return info, nil
}

// readTableInfo queries the database once, on that connection.
func (s *Store) readTableInfo(ctx context.Context, conn querier, info *tableInfo) error {
	var citus bool
	var encoding string
	sent := time.Now()
	n, err := query(ctx, conn, s.statement(findTable, s.sql.table), func(v [][]byte) error {
		info.schema = string(v[0])
		citus = isTrue(v[1])
		encoding = string(v[2])
		s.fences.note(sent, readTime(v[3]))
		return nil
	})
	if err != nil {
		return err
	}
	if n == 0 {
		return noTable(s.sql.table)
	}
	if encoding != "UTF8" {
		return localErrorf("the database's encoding is %s, in which not every session can be stored: use one that was "+
			"created with encoding 'UTF8'", encoding)
	}
	if citus {
		_, err = query(ctx, conn, s.statement(findDistribution, s.sql.table), func(v [][]byte) error {
			info.distributed = isTrue(v[0])
			return nil
		})
	}
	s.complete(info)
	return err
}

func noTable(name string) error {
	return localErrorf("there is no table %s: run the migrations, or check schema and search path", name)
}

// complete sets what follows from the options and what was read.
func (s *Store) complete(info *tableInfo) {
	info.distributed = info.distributed || s.opts.distributed == on
	info.batching = s.opts.batching == on || s.opts.batching == auto && !info.distributed && !s.hooked
	info.channel = channelName(info.schema, s.sql.name)
}

// maxChannel is how many bytes of a name Postgres keeps.
const maxChannel = 63

// channelName is that of the notifications for one table: sessions.schema.table, or a hash if that is too long.
func channelName(schema, table string) string {
	name := "sessions." + schema + "." + table
	if len(name) <= maxChannel {
		return name
	}
	return fmt.Sprintf("sessions.%016x", hash64(schema, table))
}

// hash64 makes the key of an advisory lock or the like from names. Two that meet wait for each other and nothing worse.
func hash64(names ...string) uint64 {
	h := fnv.New64a()
	for _, name := range names {
		_, _ = h.Write([]byte(name))
		_, _ = h.Write([]byte{0})
	}
	return h.Sum64()
}

// lockKey is the key of an advisory lock for the table.
func (s *Store) lockKey(info *tableInfo, purpose, name string) int64 {
	return int64(hash64("sessions", purpose, info.schema, s.sql.name, name))
}
