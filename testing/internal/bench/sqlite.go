package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/alexedwards/scs/sqlite3store"
	"github.com/simples-go/sessions/migrations/migrate"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// openSQLite makes a file for each side, with the same pragmas, of those that are measured in this process.
func (o *options) openSQLite(ctx context.Context, log io.Writer) (sides []*side, done func(), err error) {
	if !o.measures("sessions") && !o.measures("scs") {
		return nil, func() {}, nil
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, nil, err
	}
	var closers []func() error
	done = func() {
		for _, closer := range closers {
			_ = closer()
		}
		_ = os.RemoveAll(dir)
	}
	fmt.Fprintf(log, "sqlite: filling a table of each side with %d sessions of %d bytes\n", o.rows, o.bytes)
	if o.measures("sessions") {
		store, err := o.oursSQLite(ctx, filepath.Join(dir, "ours.db"))
		if err != nil {
			return nil, done, err
		}
		closers = append(closers, store.Close)
		sides = append(sides, ours("sessions", store, o.rows, o.bytes))
	}
	if o.measures("scs") {
		db, err := o.scsSQLite(ctx, filepath.Join(dir, "scs.db"))
		if err != nil {
			return nil, done, err
		}
		closers = append(closers, db.Close)
		sides = append(sides, scsSide(sqlite3store.NewWithCleanupInterval(db, 0), o.bytes))
	}
	return sides, done, nil
}

func (o *options) oursSQLite(ctx context.Context, path string) (*sqlite.Store, error) {
	store, err := sqlite.Open(ctx, path, sqlite.WithMemoryMap(o.mapped), sqlite.WithMigrate(migrate.UpSQLite))
	if err != nil {
		return nil, err
	}
	if err := fill(ctx, o.rows, store, o.bytes); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// scsSQLite opens a database for scs as its documentation has it, with this library's pragmas and driver.
func (o *options) scsSQLite(ctx context.Context, path string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(o.pool)
	db.SetMaxIdleConns(o.pool)
	_, err = db.ExecContext(ctx, `create table sessions (token text primary key, data blob not null, expiry real not null);
		create index sessions_expiry_idx on sessions(expiry);`)
	if err != nil {
		return db, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return db, err
	}
	blob, expiry := scsBlob(o.bytes), time.Now().Add(lifetime)
	for i := range o.rows {
		_, err := tx.ExecContext(ctx, `insert into sessions (token, data, expiry) values (?, ?, julianday(?))`, token(i), blob,
			expiry.UTC().Format("2006-01-02T15:04:05.999"))
		if err != nil {
			return db, err
		}
	}
	return db, tx.Commit()
}

// fill creates the sessions, many at a time so that they share commits.
func fill(ctx context.Context, rows int, store store.Store, size int) error {
	const workers = 256
	errs := make(chan error, workers)
	whole := change(size)
	for worker := range workers {
		go func() {
			var err error
			for i := worker; i < rows && err == nil; i += workers {
				_, err = store.Create(ctx, reference(i), whole)
			}
			errs <- err
		}()
	}
	var failed error
	for range workers {
		if err := <-errs; err != nil {
			failed = err
		}
	}
	return failed
}
