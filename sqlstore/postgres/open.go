package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/pgurl"
)

// What Open sets if the URL does not.
const (
	poolPingTimeout = time.Second
	lifetimeJitter  = 5 * time.Minute
)

// Open makes a pool for a URL (postgres://…, postgresql://… or keyword=value pairs) and a store on it, and reaches the
// database once. Close ends both.
//
// Unless the URL says otherwise, an attempt to connect ends after 5 s, or after 2 s if the URL has several hosts, and
// the check of an idle connection after 1 s, connections live for an hour and up to 5 min more at random, and only a
// server that accepts writes is used (target_session_attrs=read-write). With several hosts in the URL, the store
// follows a failover, also from a server that leaves calls without an answer. Errors never contain the password.
func Open(ctx context.Context, url string, opts ...Option) (*Store, error) {
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	hosts := watchHosts(config.ConnConfig)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: opening the pool: %w", err)
	}
	s, err := New(pool, opts...)
	if err == nil {
		s.hosts = hosts
		err = s.reach(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, err
	}
	s.ownPool = true
	return s, nil
}

// reach has time for every host of the URL: the first may have gone without a word.
func (s *Store) reach(ctx context.Context) error {
	conn := s.pool.Config().ConnConfig
	each := time.Duration(1+len(conn.Fallbacks)) * conn.ConnectTimeout
	ctx, cancel := context.WithTimeout(ctx, each+s.opts.timeout)
	defer cancel()
	if err := s.pool.Ping(ctx); err != nil {
		return fmt.Errorf("postgres: connecting: %w", err)
	}
	return nil
}

func parseURL(url string) (*pgxpool.Config, error) {
	if pgurl.Ambiguous(url) {
		return nil, localErrorf("postgres: the database URL cannot be read: " +
			"@ and / in user, password and database have to be written %%40 and %%2F")
	}
	config, err := pgxpool.ParseConfig(pgurl.WithDefaults(url, pgurl.Writable))
	if err != nil {
		return nil, parseError(err)
	}
	config.ShouldPing = markIdle
	if config.PingTimeout <= 0 {
		config.PingTimeout = poolPingTimeout
	}
	if config.MaxConnLifetimeJitter <= 0 {
		config.MaxConnLifetimeJitter = lifetimeJitter
	}
	return config, nil
}

// parseHints are what may be said of a URL that cannot be read.
var parseHints = [...]string{"port", "connect_timeout", "sslmode", "target_session_attrs", "pool_max_conns", "pool_"}

// parseError says what kind of mistake a URL has. It repeats nothing of the URL: nobody knows where the parts of a
// malformed one end, so any part may be the password's.
func parseError(err error) error {
	_, reason, _ := strings.Cut(err.Error(), "`: ")
	for _, hint := range parseHints {
		if strings.Contains(reason, hint) {
			return localErrorf("postgres: the database URL cannot be read: the value of %s", hint)
		}
	}
	return localErrorf("postgres: the database URL cannot be read: " +
		"it is not postgres://user:password@host:port/database, nor keyword=value pairs")
}
