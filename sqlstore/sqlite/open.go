package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	modernc "modernc.org/sqlite"

	"github.com/simples-go/sessions/internal/sqlitefile"
)

// ErrNoTable is returned by Open if the database has no sessions table. Run the command "sessions-migrate up", or pass
// migrate.UpSQLite with WithMigrate.
var ErrNoTable = errors.New("sqlite: no sessions table")

// Open opens the SQLite file at a path, which may begin with "sqlite:". ":memory:" is a database that ends with the
// store, for tests. The path is taken as it is: no character in it has a meaning for the database.
//
// The sessions table has to exist, unless WithMigrate names a function that makes it; then Open also makes the file,
// with mode 0600, if there is none. Otherwise Open returns ErrNoTable, and changes nothing.
func Open(ctx context.Context, path string, opts ...Option) (*Store, error) {
	config, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	at, err := locate(path)
	if err != nil {
		return nil, err
	}
	if err := at.checkOtherLibrary(); err != nil {
		return nil, err
	}
	first, err := openFirst(ctx, at, config)
	if err != nil {
		return nil, err
	}
	file, err := at.original()
	if err != nil {
		return nil, errors.Join(err, first.close())
	}
	at.count(1)
	s := newStore(at, config, first, file)
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openFirst opens the connection that writes, to a database that checkFile accepts.
func openFirst(ctx context.Context, at location, config *config) (*conn, error) {
	if err := checkFile(ctx, at, config); err != nil {
		return nil, err
	}
	if config.migrate != nil {
		return create(ctx, at, writing, config.busy)
	}
	return connect(ctx, at, config.writer(), config.busy, "")
}

// checkFile refuses a database that cannot keep sessions, or that has no table for them if there is no function to make
// it. It comes first since the file may be another program's, and the connection that writes would change it: its
// journal mode, or that it is empty.
func checkFile(ctx context.Context, at location, config *config) error {
	found, err := at.check()
	if err = errors.Join(err, ctx.Err()); err != nil {
		return err
	}
	switch {
	case found != present && config.migrate != nil:
		return nil
	case found != present:
		return noTable(at, config.table)
	}
	c, err := connect(ctx, at, reading, config.busy, "")
	if err != nil {
		return err
	}
	c.sql = newStatements(config.table)
	err = retryBusy(ctx, config.busy, func() error { return c.accept(at, config) })
	return errors.Join(err, c.close())
}

// accept checks what the connection finds in the file.
func (c *conn) accept(at location, config *config) error {
	wide, err := c.number(isUTF16)
	switch {
	case err != nil:
		return openError(at, err)
	case wide != 0:
		return fmt.Errorf("sqlite: %s stores its texts as UTF-16, and sessions need UTF-8: give them a file of their own", at)
	case config.migrate != nil:
		return nil
	}
	return c.checkTable(at, config.table)
}

// create opens a connection to a database that may not exist yet.
func create(ctx context.Context, at location, r role, busy time.Duration) (*conn, error) {
	found, err := at.check()
	if err != nil {
		return nil, err
	}
	if found != present && r == writing {
		r = creating
	}
	if found != absent {
		return connect(ctx, at, r, busy, "")
	}
	template, remove, err := sqlitefile.Template(at.path)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %s cannot be made: %w", at, err)
	}
	defer remove()
	return connect(ctx, at, r, busy, template)
}

func newStore(at location, config *config, first *conn, file original) *Store {
	sql := newStatements(config.table)
	first.sql = sql
	dial := func(r role) func(context.Context) (*conn, error) {
		return func(ctx context.Context) (*conn, error) {
			if err := file.check(); err != nil {
				return nil, err
			}
			c, err := connect(ctx, at, r, config.busy, "")
			if err != nil {
				return nil, err
			}
			c.sql = sql
			if r == reading && config.mapped > 0 {
				err = c.script(fmt.Sprintf("pragma mmap_size=%d", config.mapped))
			}
			if err != nil {
				return nil, errors.Join(err, c.close())
			}
			return c, nil
		}
	}
	s := &Store{at: at, config: config}
	s.events.Run = s.pollFile
	s.readers = newReaders(config.readers, config.busy, dial(reading))
	s.writer = newWriter(first, config.busy, at.path == "", dial(config.writer()))
	s.writer.file = file
	if at.path != "" && !config.readOnly {
		s.writer.log = newCheckpointer(dial(writing), s.writer.still)
	}
	s.group = s.newGroup(config.batch, config.busy)
	return s
}

// prepare migrates if that is configured, and checks the table.
func (s *Store) prepare(ctx context.Context) error {
	if s.config.migrate != nil {
		if err := s.migrate(ctx); err != nil {
			return err
		}
	}
	return s.readers.do(ctx, func(c *conn) error { return c.checkTable(s.at, s.config.table) })
}

func (c *conn) checkTable(at location, table string) error {
	n, err := c.number(countTables, table)
	switch {
	case err != nil:
		return openError(at, err)
	case n == 0:
		return noTable(at, table)
	}
	if _, err := c.prepare(selectRow); err != nil {
		return fmt.Errorf("sqlite: table %q in %s is not the one of this release, run: sessions-migrate up: %w",
			table, at, err)
	}
	return nil
}

func noTable(at location, table string) error {
	return fmt.Errorf("%w: %s has no table %q, run: sessions-migrate up, or in Go: sqlite.WithMigrate(migrate.UpSQLite)",
		ErrNoTable, at, table)
}

func (s *Store) migrate(ctx context.Context) error {
	db := sql.OpenDB(connector{s.at.dsn(writing, s.config.busy, "")})
	db.SetMaxOpenConns(1)
	err := s.config.migrate(ctx, db, s.config.table)
	if err != nil {
		err = fmt.Errorf("sqlite: migrating %s: %w", s.at, err)
	}
	return errors.Join(err, db.Close())
}

// OpenDB opens the file as Open does, for other work on it: migrations, an operator's command. The caller closes it.
func OpenDB(ctx context.Context, path string) (*sql.DB, error) {
	at, err := locate(path)
	if err != nil {
		return nil, err
	}
	const busy = 5 * time.Second
	first, err := create(ctx, at, writing, busy)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector{at.dsn(writing, busy, "")})
	db.SetMaxOpenConns(1)
	// The first connection has made the file; a database in memory must not end with it.
	err = db.PingContext(ctx)
	return db, errors.Join(err, first.close())
}

// connector opens connections for database/sql, without what the application registered with the driver's package.
type connector struct{ dsn string }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.Driver().Open(c.dsn)
}

func (c connector) Driver() driver.Driver { return new(modernc.Driver) }

// Close waits for what is under way and closes the connections. What comes later fails. A second Close does nothing.
func (s *Store) Close() error {
	s.closing.Do(func() {
		defer s.at.count(-1)
		if err := errors.Join(s.writer.close(), s.readers.close()); err != nil {
			s.closed = fmt.Errorf("sqlite: closing %s: %w", s.at, err)
		}
	})
	return s.closed
}
