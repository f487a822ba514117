package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/simples-go/sessions/migrations"
)

// Option changes how a store is opened. Open checks the values.
type Option func(*config)

// WithTable names the sessions table; the default is "sessions". migrations.ValidateName says what is possible.
func WithTable(name string) Option { return func(c *config) { c.table = name } }

// WithReaders sets how many connections read at a time; the default is the number of processors, and at least 2. More
// help if the file does not fit into memory and reads wait for the disk. Otherwise they stand in each other's way: one
// lock guards the pages that all connections of a process have cached.
func WithReaders(n int) Option { return func(c *config) { c.readers = n } }

// WithBatchSize sets how many waiting writes share one commit at most; the default is 256. 1 gives each its own commit.
func WithBatchSize(n int) Option { return func(c *config) { c.batch = n } }

// WithBusyTimeout sets how long an operation waits for another process that holds the file; the default is 5 s.
func WithBusyTimeout(d time.Duration) Option { return func(c *config) { c.busy = d } }

// WithPollInterval sets how often Watch looks whether another process has changed the file; the default is 100 ms.
func WithPollInterval(d time.Duration) Option { return func(c *config) { c.poll = d } }

// WithMemoryMap has the connections that read map up to so many bytes of the file into memory, instead of copying each
// page that they read; the default is 0, none. It makes loads a fifth faster while nothing is written. Each commit has
// the readers map the file anew, which takes longer than what was gained if one visit of twenty writes. It is for a
// file that nobody but SQLite writes to, on a local disk: if a mapped file is cut off by somebody else, or the disk
// fails, the operating system ends the process, and not a load with an error.
func WithMemoryMap(bytes int64) Option { return func(c *config) { c.mapped = bytes } }

// WithReadOnly is for a look at a file, which may be another program's: nothing that the store does changes it, not
// even the journal mode, which is the write-ahead log otherwise. What would write is an error.
func WithReadOnly() Option { return func(c *config) { c.readOnly = true } }

// WithMigrate makes Open call fn with the table's name before it looks for the table. The handle is opened as the store's
// own connections are, and closed when fn returns. Pass migrate.UpSQLite in services that migrate at their start.
func WithMigrate(fn func(ctx context.Context, db *sql.DB, table string) error) Option {
	return func(c *config) { c.migrate = fn }
}

type config struct {
	table   string
	readers int
	batch   int
	busy    time.Duration
	poll    time.Duration
	mapped  int64

	readOnly bool
	migrate  func(context.Context, *sql.DB, string) error
}

// maxMapped is the most that the database maps.
const maxMapped = 0x7fff0000

func newConfig(opts []Option) (*config, error) {
	c := &config{
		table:   migrations.DefaultTable,
		readers: max(2, runtime.GOMAXPROCS(0)),
		batch:   256,
		busy:    5 * time.Second,
		poll:    100 * time.Millisecond,
	}
	for _, opt := range opts {
		opt(c)
	}
	return c, c.validate()
}

// writer is the role of the connections that write.
func (c *config) writer() role {
	if c.readOnly {
		return reading
	}
	return writing
}

func (c *config) validate() error {
	if err := migrations.ValidateName(c.table); err != nil {
		return fmt.Errorf("sqlite: table: %w", err)
	}
	switch {
	case c.readers < 1 || c.readers > 1000:
		return fmt.Errorf("sqlite: %d readers, 1 to 1000 are possible", c.readers)
	case c.batch < 1 || c.batch > 10_000:
		return fmt.Errorf("sqlite: batches of %d, 1 to 10000 are possible", c.batch)
	case c.busy < time.Millisecond || c.busy > time.Hour:
		return fmt.Errorf("sqlite: busy timeout %v, 1ms to 1h are possible", c.busy)
	case c.mapped < 0 || c.mapped > maxMapped:
		return fmt.Errorf("sqlite: a memory map of %d bytes, 0 to %d are possible", c.mapped, int64(maxMapped))
	case c.readOnly && c.migrate != nil:
		return errors.New("sqlite: a file that is only read cannot be migrated")
	case c.poll < time.Millisecond || c.poll > time.Hour:
		return fmt.Errorf("sqlite: poll interval %v, 1ms to 1h are possible", c.poll)
	}
	return nil
}
