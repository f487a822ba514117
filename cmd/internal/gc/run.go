// Package gc is the command sessions-gc.
package gc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/cmd/internal/database"
	"github.com/simples-go/sessions/session/store"
)

const program = "sessions-gc"

// Exit codes of this command.
const (
	stoppedBySignal = 3
	refused         = 4
)

const maxBatch = 100_000

// command is what the command line of one run says.
type command struct {
	db      cli.Database
	options store.CollectOptions
	json    bool
	quiet   bool
	metrics string
	open    func(context.Context, cli.Database, database.Options) (*database.Opened, error)
}

// Run is a cli.Run.
func Run(ctx context.Context, args []string, env cli.Env, stdout, stderr io.Writer) int {
	c, err := parse(args, env, stdout)
	if err != nil {
		return cli.Code(stderr, program, err)
	}
	return c.run(ctx, env, stdout, stderr)
}

func (c *command) run(ctx context.Context, env cli.Env, stdout, stderr io.Writer) int {
	report, err := c.collect(ctx, env, stderr)
	if err == nil {
		err = c.print(stdout, report)
	}
	if err != nil {
		return cli.Code(stderr, program, err)
	}
	if err := kept(report.Stopped); err != nil {
		return cli.Fail(stderr, program, refused, err)
	}
	if report.Stopped == store.StopSignal {
		return stoppedBySignal
	}
	return cli.OK
}

// kept returns the error of a run that could not delete what has expired. Work that is left is no failure only if
// somebody has chosen to leave it: by a limit, by another run, by a signal.
func kept(reason store.StopReason) error {
	switch reason {
	case store.StopDone, store.StopMaxDuration, store.StopLocked, store.StopSignal:
		return nil
	}
	return fmt.Errorf("expired rows are left that the database does not delete (%s): look for row-level security without a "+
		"policy for delete, and for triggers or rules on the table", reason)
}

// courteous is the value of --pause if the command line has none.
const courteous = -1

// pauseOption is a --pause as the collector takes it: 0 is to make way for others, less is no pause.
func pauseOption(given time.Duration) time.Duration {
	switch given {
	case courteous:
		return 0
	case 0:
		return -1
	}
	return given
}

func parse(args []string, env cli.Env, stdout io.Writer) (*command, error) {
	c := &command{open: database.Open}
	flags := cli.NewFlags(program)
	batch := flags.Int("batch", 500, 1, maxBatch)
	pause := flags.Duration("pause", courteous)
	limit, keep := flags.Duration("max-duration", 0), flags.Duration("keep", 0)
	dryRun, asJSON, quiet := flags.Bool("dry-run"), flags.Bool("json"), flags.Bool("quiet")
	metrics := flags.String("metrics-file")
	words, err := flags.Parse(args, stdout, help)
	if err != nil {
		return nil, err
	}
	if len(words) > 0 {
		return nil, cli.Misuse("unexpected argument %s", cli.Safe(words[0]))
	}
	c.options = store.CollectOptions{Batch: int(*batch), Pause: pauseOption(*pause), MaxDuration: *limit, Keep: *keep, DryRun: *dryRun}
	c.json, c.quiet, c.metrics = *asJSON, *quiet, *metrics
	c.db, err = flags.Database(env)
	return c, err
}

// collect runs the collector of the database's store.
func (c *command) collect(ctx context.Context, env cli.Env, stderr io.Writer) (report store.CollectReport, err error) {
	start := time.Now()
	table := c.db.Table
	metrics := metricsFile{path: c.metrics, database: database.Name(c.db), schema: table.Schema, table: table.Name}
	if err := metrics.check(); err != nil {
		return report, err
	}
	if c.options.DryRun {
		c.keepMetrics(stderr)
	} else {
		defer func() { err = errors.Join(err, metrics.write(report, start, cmp.Or(err, kept(report.Stopped)))) }()
	}
	// A run that is stopped before it has begun still says what there is to do.
	opened, err := c.open(context.WithoutCancel(ctx), c.db, database.Options{Program: program, ReadOnly: c.options.DryRun})
	if err != nil {
		return report, err
	}
	defer opened.Close()
	stop := c.watch(ctx, opened, env, stderr)
	report, err = opened.Store.Collect(ctx, c.options)
	stop()
	if err != nil && report.Deleted > 0 {
		err = fmt.Errorf("deleted %d, then: %w", report.Deleted, err)
	}
	return report, database.Advised(err)
}

// keepMetrics prints that a dry run, which deletes nothing, does not count as a run that did its work.
func (c *command) keepMetrics(stderr io.Writer) {
	if c.metrics != "" && !c.quiet {
		_, _ = fmt.Fprintf(stderr, "%s: a dry run leaves the metrics file as it is\n", program)
	}
}

// watch has the progress shown while the collector runs, until stop is called.
func (c *command) watch(ctx context.Context, opened *database.Opened, env cli.Env, stderr io.Writer) (stop func()) {
	switch {
	case c.quiet || c.options.DryRun:
		return func() {}
	case env.Terminal(stderr):
		bar := newBar(stderr)
		bar.count(ctx, opened.Expired, c.options.Keep)
		c.options.Progress = bar.show
		return bar.end
	}
	log := newLog(stderr)
	c.options.Progress = log.show
	return func() {}
}
