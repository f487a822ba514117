package postgres

import (
	"log/slog"
	"runtime"
	"time"

	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

// DefaultTimeout is the deadline of a call whose context has none.
const DefaultTimeout = 5 * time.Second

// The defaults of WithPing: together they bound how long a dead notification connection goes unnoticed.
const (
	DefaultPingInterval = 3 * time.Second
	DefaultPingTimeout  = 2 * time.Second
)

// Option changes a setting of a Store. Open and New check the values.
type Option func(*options)

type options struct {
	table, schema string
	tables        []string // that were named
	timeout       time.Duration
	logger        *slog.Logger

	batching     mode
	loads, saves int // statements of the kind in flight
	max          int // callers who share one
	distributed  mode

	noPrepare bool

	listenURL    string
	listenHere   bool // by the pool's configuration
	noListen     bool
	changes      bool
	pingInterval time.Duration
	pingTimeout  time.Duration
}

// mode is a choice that the store makes by itself unless an option does.
type mode uint8

const (
	auto mode = iota
	on
	off
)

// enough is the part of a full batch of saves that is worth a second commit at a time.
const enough = 4

func newOptions(given []Option, maxConns int) (options, error) {
	processors := max(2, runtime.GOMAXPROCS(0))
	o := options{
		timeout:      DefaultTimeout,
		logger:       slog.Default(),
		loads:        max(1, min(maxConns, 2*processors)),
		saves:        max(1, min(maxConns, processors+1)),
		max:          batch.DefaultMax,
		listenHere:   true,
		pingInterval: DefaultPingInterval,
		pingTimeout:  DefaultPingTimeout,
	}
	for _, option := range given {
		option(&o)
	}
	return o, o.validate()
}

// WithTable names the table; "sessions" by default. migrations.ValidateName says what is possible.
func WithTable(name string) Option {
	return func(o *options) { o.table, o.tables = name, append(o.tables, name) }
}

// WithSchema names the table's schema; by default, and with "", the connection's search path finds the table.
func WithSchema(name string) Option { return func(o *options) { o.schema = name } }

// WithTimeout sets the deadline of calls whose context has none; DefaultTimeout by default. A call may have a 32nd less.
func WithTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithLogger sets the logger for what no call can return, such as the loss of the notification connection. The default
// is slog.Default(). No message contains a token or a password.
func WithLogger(l *slog.Logger) Option { return func(o *options) { o.logger = l } }

// WithBatching sets how many statements of a kind are in flight before callers share one, and how many callers share it
// at most. Zero values keep the defaults: twice GOMAXPROCS loads and GOMAXPROCS+1 saves in flight, with a GOMAXPROCS of
// 1 taken as 2, and no more than the pool has connections; and 64 callers. Half of the statements in flight may be
// shared ones, more if many callers wait. Set more in flight if the database is on another machine with processors to
// spare. WithBatching also turns batching on if it is off by default: for a distributed table, and for a pool with a
// hook that sees the context of each call.
func WithBatching(inFlight, largest int) Option {
	return func(o *options) {
		o.batching = on
		if inFlight != 0 {
			o.loads, o.saves = inFlight, inFlight
		}
		if largest != 0 {
			o.max = largest
		}
	}
}

// WithoutBatching gives every call its own statement. It is the default if the table is distributed, or if the pool has
// a hook BeforeAcquire or PrepareConn, which may depend on what the context of a request carries.
func WithoutBatching() Option { return func(o *options) { o.batching = off } }

// WithDistributed says that the table is distributed over several servers by its id, as the store finds out by itself
// on Citus. Statements then touch no more than they must, and there is no batching without WithBatching.
func WithDistributed() Option { return func(o *options) { o.distributed = on } }

// WithoutPreparedStatements has every statement parsed anew, for poolers that hand each transaction another connection
// and know nothing of prepared statements (PgBouncer before 1.21). Parameters are still sent apart from the statement.
func WithoutPreparedStatements() Option { return func(o *options) { o.noPrepare = true } }

// WithListenURL gives Watch a connection of its own to the database, past the pooler that the pool goes through. By
// default Watch connects as the pool does, outside of it; through a pooler it does not listen. It has to be the server
// that the pool's connections lead to: what the pool sends to one node of a cluster does not arrive at another, and
// Watch then polls and logs why.
func WithListenURL(url string) Option {
	return func(o *options) { o.listenURL, o.listenHere = url, false }
}

// WithoutListen limits the events of Watch to those of this process. What other processes do is found by polling.
func WithoutListen() Option { return func(o *options) { o.noListen = true } }

// WithChangeNotifications sends a notification for every save that changes data, so that sockets on other nodes hear
// of it at once instead of at their next poll. Notifications make commits wait for each other: under many writers
// saves become several times slower.
func WithChangeNotifications() Option { return func(o *options) { o.changes = true } }

// WithPing sets how often the notification connection is tried, and how long it may take to answer. Zero values keep
// the defaults.
func WithPing(interval, timeout time.Duration) Option {
	return func(o *options) {
		if interval != 0 {
			o.pingInterval = interval
		}
		if timeout != 0 {
			o.pingTimeout = timeout
		}
	}
}
