package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/internal/pgurl"
)

// testPool is a pool that never connects: nobody listens at its address.
func testPool(t *testing.T, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	config, err := parseURL("postgres://ann:geheim@127.0.0.1:1/db?connect_timeout=1&pool_max_conns=3")
	if err != nil {
		t.Fatal(err)
	}
	for _, fn := range change {
		fn(config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func TestErrorsOfAURLNeverShowThePassword(t *testing.T) {
	const secret = "xxxxx@ss/wo:rd"
	for _, url := range []string{
		"postgres://ann:" + secret + "@host:port/db",
		"postgres://ann:" + secret + "@host:5432/db?sslmode=perhaps",
		"postgres://ann:" + secret + "@[::1/db",
		"postgres://ann:" + secret + "@host/db?pool_max_conns=none",
		"postgres://ann:" + secret + "@host/db?connect_timeout=-x",
		"postgres://host/db?password=" + secret + "&pool_ping_timeout=soon",
		"host=h password='" + secret + "' port=none",
		"host=h password='" + secret,
		"postgres://ann:%zz" + secret + "@host/db",
		"postgres://ann:12/@ss@127.0.0.1/db",
		"postgres://ann:12/wo:rd@127.0.0.1/db?connect_timeout=1",
		"mysql://ann:" + secret + "@host/db",
		"postgres://ann:" + secret + "@127.0.0.1:1/db?connect_timeout=1&sslmode=disable",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		s, err := Open(ctx, url)
		cancel()
		if err == nil {
			_ = s.Close()
			t.Errorf("%s was opened", url)
			continue
		}
		for _, part := range []string{"@ss", "wo:rd", "xxxxx"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error shows a part of the password: %v", url, err)
			}
		}
	}
}

func TestTheErrorOfAURLSaysWhatIsWrong(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://a:1@2@h/db":                             "%40",
		"postgres://h:port/db":                              "port",
		"postgres://h/db?sslmode=perhaps":                   "sslmode",
		"postgres://h/db?target_session_attrs=x":            "target_session_attrs",
		"postgres://h/db?pool_max_conns=none":               "pool_max_conns",
		"postgres://h/db?connect_timeout=x":                 "connect_timeout",
		"postgres://h/db?pool_max_conn_idle_time=a%20while": "pool_",
	} {
		_, err := parseURL(url)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestTheDefaultsOfOpen(t *testing.T) {
	config, err := parseURL("postgres://host/db")
	if err != nil {
		t.Fatal(err)
	}
	if config.ConnConfig.ConnectTimeout != pgurl.ConnectTimeout || config.PingTimeout != poolPingTimeout ||
		config.MaxConnLifetimeJitter != lifetimeJitter || config.ConnConfig.ValidateConnect == nil {
		t.Errorf("connect %v, ping %v, jitter %v, read-write %v", config.ConnConfig.ConnectTimeout, config.PingTimeout,
			config.MaxConnLifetimeJitter, config.ConnConfig.ValidateConnect != nil)
	}
	config, err = parseURL("postgres://host/db?connect_timeout=9&pool_ping_timeout=9s&target_session_attrs=any")
	if err != nil {
		t.Fatal(err)
	}
	if config.ConnConfig.ConnectTimeout != 9*time.Second || config.PingTimeout != 9*time.Second ||
		config.ConnConfig.ValidateConnect != nil {
		t.Error("what the URL says was not kept")
	}
}

func TestRowsAreReadInBinaryFormWhateverThePoolsMode(t *testing.T) {
	for _, c := range []struct {
		pool      pgx.QueryExecMode
		noPrepare bool
		cache     int
		want      pgx.QueryExecMode
	}{
		{pool: pgx.QueryExecModeCacheStatement, cache: 9, want: pgx.QueryExecModeCacheStatement},
		{pool: pgx.QueryExecModeDescribeExec, cache: 9, want: pgx.QueryExecModeDescribeExec},
		{pool: pgx.QueryExecModeSimpleProtocol, cache: 9, want: pgx.QueryExecModeCacheDescribe},
		{pool: pgx.QueryExecModeExec, cache: 9, want: pgx.QueryExecModeCacheDescribe},
		{pool: pgx.QueryExecModeExec, cache: 0, want: pgx.QueryExecModeDescribeExec},
		{pool: pgx.QueryExecModeCacheStatement, noPrepare: true, cache: 9, want: pgx.QueryExecModeCacheDescribe},
	} {
		got := execMode(&pgx.ConnConfig{DefaultQueryExecMode: c.pool, DescriptionCacheCapacity: c.cache}, c.noPrepare)
		if got != c.want {
			t.Errorf("%v, without prepared statements %v: %v, want %v", c.pool, c.noPrepare, got, c.want)
		}
	}
}

func chosen(t *testing.T, given ...Option) options {
	t.Helper()
	o, err := newOptions(given, 3)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOptions(t *testing.T) {
	logger := slog.New(slog.DiscardHandler)
	o := chosen(t, WithTimeout(time.Minute), WithLogger(logger), WithBatching(7, 0), WithPing(0, time.Second),
		WithListenURL("postgres://h"), WithChangeNotifications(), WithoutPreparedStatements(), WithDistributed())
	if o.timeout != time.Minute || o.logger != logger || o.loads != 7 || o.saves != 7 || o.max != chosen(t).max ||
		o.pingInterval != DefaultPingInterval || o.pingTimeout != time.Second || o.listenURL != "postgres://h" ||
		!o.changes || !o.noPrepare || o.distributed != on || o.batching != on {
		t.Errorf("%+v", o)
	}
	if o := chosen(t, WithoutListen()); !o.noListen || o.timeout != DefaultTimeout || o.logger == nil {
		t.Errorf("%+v", o)
	}
}

// What cannot be meant is refused when the store is made, and not taken for the default.
func TestSenselessOptionsAreRefused(t *testing.T) {
	for name, given := range map[string][]Option{
		"no table":             {WithTable("")},
		"no such table":        {WithTable("a b")},
		"no such schema":       {WithSchema("pg_catalog")},
		"no time":              {WithTimeout(0)},
		"less than no time":    {WithTimeout(-1)},
		"too much time":        {WithTimeout(2 * time.Hour)},
		"no logger":            {WithLogger(nil)},
		"less than no batch":   {WithBatching(-1, 0)},
		"less than no callers": {WithBatching(0, -1)},
		"too many in flight":   {WithBatching(1001, 0)},
		"too many callers":     {WithBatching(0, 10_001)},
		"less than no ping":    {WithPing(-1, 0)},
		"a ping without end":   {WithPing(0, 2*time.Hour)},
		"nowhere to listen":    {WithListenURL("mysql://h")},
		"contradicting":        {WithListenURL("postgres://h"), WithoutListen()},
	} {
		if s, err := New(testPool(t), given...); err == nil || s != nil || !strings.HasPrefix(err.Error(), "postgres: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	s, err := New(testPool(t))
	if err != nil {
		t.Fatal(err)
	}
	s.ownPool = true
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// A hook that panics fails the call and not the process.
func TestAHookThatPanics(t *testing.T) {
	s, err := New(testPool(t, func(c *pgxpool.Config) {
		//lint:ignore SA1019 services still set it
		c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { return true }
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return nil }
	}))
	if err != nil {
		t.Fatal(err)
	}
	if !s.hooked || s.opts.batching != auto {
		t.Errorf("hooked %v, batching %v", s.hooked, s.opts.batching)
	}
	s.pool = nil // stands for what panics
	if _, err := s.acquireSafely(t.Context()); err == nil || !strings.Contains(err.Error(), "hook") {
		t.Errorf("got %v", err)
	}
}

func TestBatchingIsOffIfTheTableIsDistributedOrThePoolHasAHook(t *testing.T) {
	for _, c := range []struct {
		name   string
		opts   []Option
		citus  bool
		hooked bool
		want   bool
	}{
		{name: "plain", want: true},
		{name: "plain, switched off", opts: []Option{WithoutBatching()}},
		{name: "distributed", citus: true},
		{name: "a hook that sees contexts", hooked: true},
		{name: "a hook, asked for", hooked: true, opts: []Option{WithBatching(0, 0)}, want: true},
		{name: "said to be distributed", opts: []Option{WithDistributed()}},
		{name: "distributed, asked for", opts: []Option{WithBatching(0, 0)}, citus: true, want: true},
	} {
		s := &Store{opts: chosen(t, c.opts...), hooked: c.hooked}
		found := &tableInfo{schema: "public", distributed: c.citus}
		if s.complete(found); found.batching != c.want {
			t.Errorf("%s: batching %v", c.name, found.batching)
		}
	}
}
