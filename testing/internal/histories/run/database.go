package run

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // for the migrations
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/testing/internal/histories/disk"
	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/proxy"
)

// database is what the servers keep their sessions in.
type database struct {
	url    string
	server *pg.Server
	proxy  *proxy.Proxy
	pair   *Pair      // instead of url, server and proxy
	disk   *disk.Disk // nil if it is not to be filled
	addrs  []string
	clock  string // the file that says how far Postgres's clock is off
}

func (t *Trial) database(ctx context.Context) (*database, error) {
	switch t.Backend {
	case "memory":
		return &database{url: "memory"}, nil
	case "sqlite":
		db := &database{}
		dir, err := t.room(db, sqliteRoom)
		db.url = "sqlite:" + filepath.Join(dir, "sessions.db")
		return db, err
	case "postgres":
		return t.postgres(ctx)
	case "failover":
		return t.pair(ctx)
	}
	return nil, fmt.Errorf("no backend is called %q: memory, sqlite, postgres or failover", t.Backend)
}

// PostgresLog is the file of Postgres's messages in the folder of a trial.
const PostgresLog = "postgres.log"

// The sizes of filesystems that are to be filled.
const (
	sqliteRoom   = 64 << 20
	postgresRoom = 192 << 20
)

// postgres starts a server and puts a network before it.
func (t *Trial) postgres(ctx context.Context) (*database, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	db := &database{}
	if err := t.startPostgres(ctx, db); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

func (t *Trial) startPostgres(ctx context.Context, db *database) error {
	dir, err := t.room(db, postgresRoom)
	if err != nil {
		return err
	}
	if db.server, err = pg.New(dir, "postgres"); err != nil {
		return err
	}
	db.server.Log = filepath.Join(t.Dir, PostgresLog)
	if err := db.fakeClock(t.Dir); err != nil {
		return err
	}
	if err := t.initPostgres(ctx, db); err != nil {
		return err
	}
	if err := db.server.Start(ctx); err != nil {
		return err
	}
	if err := Migrate(ctx, db.server.URL()); err != nil {
		return err
	}
	db.proxy, err = proxy.New(net.JoinHostPort("127.0.0.1", strconv.Itoa(db.server.Port)))
	if err == nil {
		db.url = db.server.URL(db.proxy.Addr())
	}
	return err
}

// initPostgres makes the data: on a filesystem that is to be filled with a log in small pieces, of which each is made anew.
// Otherwise Postgres would have room in old pieces for long.
func (t *Trial) initPostgres(ctx context.Context, db *database) error {
	if db.disk == nil {
		return db.server.Init(ctx)
	}
	return errors.Join(db.server.Init(ctx, "--wal-segsize=1"), db.server.Configure(smallLog))
}

const smallLog = `
min_wal_size = 2MB
max_wal_size = 16MB
wal_recycle = off
`

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
	if db.disk != nil {
		_ = db.disk.Close()
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
