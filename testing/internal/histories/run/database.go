package run

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for the migrations
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/proxy"
)

// database is what the servers keep their sessions in.
type database struct {
	url       string
	listen    string
	noPrepare bool
	server    *pg.Server
	proxy     *proxy.Proxy
	pair      *Pair // instead of server and proxy
	addrs     []string
	clock     string // the file that says how far Postgres's clock is off
}

func (t *Trial) database(ctx context.Context) (*database, error) {
	switch t.Backend {
	case "memory":
		return &database{url: "memory"}, nil
	case "sqlite":
		return &database{url: "sqlite:" + filepath.Join(t.Dir, "sessions.db")}, nil
	case "postgres":
		return t.postgres(ctx)
	case "failover":
		return t.pair(ctx)
	}
	return nil, fmt.Errorf("no backend is called %q: memory, sqlite, postgres or failover", t.Backend)
}

// postgres starts a server and puts a network before it.
func (t *Trial) postgres(ctx context.Context) (*database, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	server, err := pg.New(t.Dir, "postgres")
	if err != nil {
		return nil, err
	}
	db := &database{server: server}
	if err := db.fakeClock(t.Dir); err != nil {
		return nil, err
	}
	if err := server.Init(ctx); err != nil {
		return nil, err
	}
	if err := server.Start(ctx); err != nil {
		return nil, err
	}
	if err := Migrate(ctx, server.URL()); err != nil {
		db.close()
		return nil, err
	}
	db.proxy, err = proxy.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)))
	if err != nil {
		db.close()
		return nil, err
	}
	db.url = server.URL(db.proxy.Addr())
	return db, nil
}

// Migrate makes the table.
func Migrate(ctx context.Context, url string) error {
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return migrate.Up(ctx, db, migrate.Options{Dialect: migrations.Postgres})
}

func (db *database) close() {
	if db.pair != nil {
		db.pair.Close()
	}
	if db.proxy != nil {
		db.proxy.Close()
	}
	if db.server != nil {
		db.server.Kill()
		_ = os.RemoveAll(db.server.Dir)
	}
}

// address returns that of a server, which stays over rounds.
func (db *database) address(i int) (string, error) {
	for len(db.addrs) <= i {
		port, err := pg.FreePort()
		if err != nil {
			return "", err
		}
		db.addrs = append(db.addrs, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	return db.addrs[i], nil
}

// fakeClock has Postgres take its time from libfaketime, where that is installed.
func (db *database) fakeClock(dir string) error {
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	if err != nil || len(found) == 0 {
		return err
	}
	db.clock = filepath.Join(dir, "clock")
	if err := db.step(0); err != nil {
		return err
	}
	db.server.Env = []string{"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + db.clock, "FAKETIME_NO_CACHE=1",
		"FAKETIME_DONT_FAKE_MONOTONIC=1"}
	return nil
}

// step sets by how much Postgres's clock is off.
func (db *database) step(d time.Duration) error {
	text := fmt.Sprintf("%+.3f", d.Seconds())
	if err := os.WriteFile(db.clock+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(db.clock+".new", db.clock)
}
