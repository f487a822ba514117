// Package gc is the command sessions-gc.
package gc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session"
)

const program = "sessions-gc"

// stoppedBySignal is an exit code.
const stoppedBySignal = 3

const maxBatch = 100_000

// command is one run: what was asked for, and where to answer.
type command struct {
	db      cli.Database
	options session.CollectOptions
	json    bool
	quiet   bool
	metrics string
}

// Run is a cli.Run.
func Run(ctx context.Context, args []string, env cli.Env, stdout, stderr io.Writer) int {
	c, err := parse(args, env, stdout)
	if err != nil {
		return cli.Code(stderr, program, err)
	}
	report, err := c.collect(ctx, env, stderr)
	if err == nil {
		err = c.print(stdout, report)
	}
	if err != nil {
		return cli.Code(stderr, program, err)
	}
	if report.Stopped == session.StopSignal {
		return stoppedBySignal
	}
	return cli.OK
}

func parse(args []string, env cli.Env, stdout io.Writer) (*command, error) {
	c := &command{}
	flags := cli.NewFlags(program)
	batch := flags.Int("batch", 500, 1, maxBatch)
	pause := flags.Duration("pause", 0)
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
	c.options = session.CollectOptions{Batch: int(*batch), Pause: *pause, MaxDuration: *limit, Keep: *keep, DryRun: *dryRun}
	c.json, c.quiet, c.metrics = *asJSON, *quiet, *metrics
	c.db, err = flags.Database(env)
	return c, err
}

// collect runs the collector of the database's store.
func (c *command) collect(ctx context.Context, env cli.Env, stderr io.Writer) (report session.CollectReport, err error) {
	start := time.Now()
	metrics := metricsFile{path: c.metrics, table: c.db.Table.Name}
	if err := metrics.check(); err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, metrics.write(report, start, err)) }()
	store, err := open(ctx, c.db, c.options.DryRun)
	if err != nil {
		return report, err
	}
	defer store.close()
	stop := c.watch(ctx, store, env, stderr)
	report, err = store.Collect(ctx, c.options)
	stop()
	if err != nil && report.Deleted > 0 {
		err = fmt.Errorf("deleted %d, then: %w", report.Deleted, err)
	}
	return report, advised(err)
}

// watch has the progress shown while the collector runs, until stop is called.
func (c *command) watch(ctx context.Context, store *opened, env cli.Env, stderr io.Writer) (stop func()) {
	switch {
	case c.quiet || c.options.DryRun:
		return func() {}
	case env.Terminal(stderr):
		bar := newBar(stderr)
		counting := bar.count(ctx, store, c.options.Keep)
		c.options.Progress = bar.show
		return func() { counting(); bar.end() }
	}
	log := newLog(stderr)
	c.options.Progress = log.show
	return func() {}
}
