// Package collector deletes the expired rows of a Postgres table, a portion at a time, and makes way for those who load
// and save there.
package collector

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/simples-go/sessions/session/store"
)

// Config says what a run works on. All fields are required.
type Config struct {
	Table   string // as it stands in a statement
	Local   bool   // the table is not distributed over several servers
	Mode    pgx.QueryExecMode
	LockKey int64 // of the advisory lock that keeps a second run out

	// Do calls fn with a connection, and again if that may help and does no harm.
	Do func(ctx context.Context, fn func(context.Context, *pgxpool.Conn) error) error
	// Dial makes a connection for the run lock alone.
	Dial func(context.Context) (*pgx.Conn, error)
}

// Run deletes what has expired, as store.Collector says. The options have their defaults.
func Run(ctx context.Context, c Config, opts store.CollectOptions) (store.CollectReport, error) {
	r := &run{table: table{c}, opts: opts, started: time.Now()}
	r.pacer = pacer{opts: opts, started: r.started, look: r.table.others}
	// A statement that has begun is not cancelled when ctx ends.
	err := r.run(ctx, context.WithoutCancel(ctx))
	r.report.Duration = time.Since(r.started)
	return r.report, err
}

type run struct {
	table   table
	opts    store.CollectOptions
	started time.Time
	pacer   pacer
	report  store.CollectReport
	missed  bool // fewer rows were deleted than counted: they were extended, or deleted by others, or are kept
}

func (r *run) run(ctx, work context.Context) error {
	if !r.opts.NoLock && !r.opts.DryRun {
		lock, err := lockRun(work, r.table.Config)
		if err != nil {
			return err
		}
		if lock == nil {
			r.report.Stopped = store.StopLocked
			return nil
		}
		defer lock.release()
		r.pacer.holder = lock.server
	}
	w, err := newWalker(work, r.table, r.opts)
	if err != nil {
		return err
	}
	stopped := store.StopDone
	if !r.opts.DryRun {
		stopped, err = r.delete(ctx, work, w)
	}
	if err != nil {
		return err
	}
	return r.finish(work, w, stopped)
}

// delete deletes portion by portion until none is left, or until it has to stop between two of them.
func (r *run) delete(ctx, work context.Context, w *walker) (store.StopReason, error) {
	if err := r.pacer.begin(work); err != nil {
		return "", err
	}
	for !w.done() {
		p, err := w.look(work, r.pacer.size())
		if err != nil {
			return "", err
		}
		if reason, err := r.pacer.wait(ctx, work, p.rows > 0); reason != "" || err != nil {
			return reason, err
		}
		if p.rows > 0 {
			err = r.deletePortion(work, p, w.clock(p))
		} else {
			r.pacer.passed(w.clock(p))
		}
		if err == nil {
			err = w.pass(work, p)
		}
		if err != nil {
			return "", err
		}
	}
	return store.StopDone, nil
}

func (r *run) deletePortion(ctx context.Context, p portion, clock time.Duration) error {
	begun := time.Now()
	deleted, err := r.table.delete(ctx, p)
	r.pacer.deleted(p.rows, time.Since(begun), clock)
	r.missed = r.missed || deleted < int64(p.rows)
	if r.report.Deleted += deleted; deleted > 0 {
		r.report.Batches++
		r.report.Duration = time.Since(r.started)
		if r.opts.Progress != nil {
			r.opts.Progress(r.report)
		}
	}
	return err
}

// finish counts what is left. A run is not done if rows are left that it has tried to delete.
func (r *run) finish(ctx context.Context, w *walker, stopped store.StopReason) error {
	left, err := w.left(ctx, r.missed)
	if err != nil {
		return err
	}
	if left > 0 && stopped == store.StopDone && !r.opts.DryRun {
		stopped = store.StopRefused
	}
	late, err := w.late(ctx, store.RemainingLimit-left)
	r.report.Remaining, r.report.Stopped = int64(left+late), stopped
	return err
}
