package collector

import (
	"context"
	"time"

	"github.com/simples-go/sessions/internal/retry"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/makeway"
)

const (
	// lookAgain is how long a run that is alone works before it looks for others again.
	lookAgain = 50 * time.Millisecond
	// restless is how long a run that has seen others assumes that they are there. A look costs others about as much as
	// a short portion.
	restless = time.Second
)

// pacer says how large the portions of a run are, and waits between them.
type pacer struct {
	opts    store.CollectOptions
	started time.Time
	look    func(ctx context.Context, holder int64, lately time.Duration) (busy bool, err error)
	holder  int64 // the server's process that holds the run lock

	busy   bool // others were at work when they were looked for
	looked time.Time
	step   makeway.Step

	tried bool          // a delete was sent
	owed  bool          // the rest after it
	ended time.Time     // when it had its answer
	took  time.Duration // it
	clock time.Duration // for how long sessions have expired to make up what was passed since the last rest
}

// begin finds out whether others are at work, so that the first portion has the right size.
func (p *pacer) begin(ctx context.Context) error {
	if p.opts.Pause != 0 {
		return nil
	}
	_, err := p.disturbs(ctx)
	return err
}

// size is how many rows the next portion has at most.
func (p *pacer) size() int {
	if p.opts.Pause == 0 && p.busy {
		return p.step.Size(p.opts.Batch)
	}
	return p.opts.Batch
}

// deleted notes that a delete of so many rows took so long, and for how long sessions have expired to make them up.
func (p *pacer) deleted(rows int, took, clock time.Duration) {
	p.tried, p.owed, p.ended, p.took = true, true, time.Now(), took
	p.passed(clock)
	p.step.Adapt(rows, took, clock)
}

// passed notes a range.
func (p *pacer) passed(clock time.Duration) { p.clock += clock }

// wait is called before a portion, or a look that has found nothing. It returns why the run stops there, "" if it does
// not.
func (p *pacer) wait(ctx, work context.Context, deletes bool) (store.StopReason, error) {
	var err error
	var over bool
	if deletes && p.owed && !p.late() {
		over, err = p.rest(ctx, work)
	}
	switch {
	case err != nil:
		return "", err
	case ctx.Err() != nil:
		return store.StopSignal, nil
	case over || p.late():
		return store.StopMaxDuration, nil
	}
	return "", nil
}

// late reports whether the time is over. At least one portion is tried, however long it took to find the first row.
func (p *pacer) late() bool {
	return p.opts.MaxDuration > 0 && p.tried && time.Since(p.started) >= p.opts.MaxDuration
}

// rest is the pause that follows a delete; over reports that it would last beyond the time of the run.
func (p *pacer) rest(ctx, work context.Context) (over bool, err error) {
	p.owed = false
	switch {
	case p.opts.Pause < 0:
	case p.opts.Pause == 0:
		err = p.makeWay(ctx, work)
	case p.opts.MaxDuration > 0 && time.Since(p.started)+p.opts.Pause >= p.opts.MaxDuration:
		return true, nil
	default:
		_ = retry.Sleep(ctx, p.opts.Pause)
	}
	p.clock = 0
	return false, err
}

// makeWay waits while others are at work, but no longer than the run can wait and still keep up.
func (p *pacer) makeWay(ctx, work context.Context) error {
	due := p.ended.Add(makeway.Rest(p.took, p.clock))
	if p.opts.MaxDuration > 0 {
		due = earlier(due, p.started.Add(p.opts.MaxDuration))
	}
	for rest := time.Until(due); rest > 0 && ctx.Err() == nil; rest = time.Until(due) {
		busy, err := p.disturbs(work)
		if err != nil || !busy {
			return err
		}
		_ = retry.Sleep(ctx, min(rest, restless-time.Since(p.looked)))
	}
	_, err := p.disturbs(work)
	return err
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// disturbs reports whether others are at work, as of now or a moment ago.
func (p *pacer) disturbs(ctx context.Context) (busy bool, err error) {
	again := lookAgain
	if p.busy {
		again = restless
	}
	if !p.looked.IsZero() && time.Since(p.looked) < again {
		return p.busy, nil
	}
	p.busy, err = p.look(ctx, p.holder, time.Since(p.started))
	p.looked = time.Now()
	return p.busy, err
}

// atWork is how recently a client of the database must have done something to count as at work.
const atWork = 250 * time.Millisecond

// others reports whether another client is at work in the database, or was a moment ago. What a client did before the
// run began does not count, since it may have ended with that. What clients of another role do the server shows only to
// members of pg_read_all_stats; to others, every such client counts as at work.
func (t table) others(ctx context.Context, holder int64, since time.Duration) (busy bool, err error) {
	const sql = `select exists (select from pg_stat_activity where datname = current_database()
and pid <> all(array[pg_backend_pid(), $1::bigint]) and coalesce(backend_type, 'client backend') = 'client backend'
and coalesce(state = 'active' or state_change > clock_timestamp() - $2::bigint * interval '1 ms', true))`
	_, err = t.first(ctx, []any{&busy}, sql, holder, min(atWork, since).Milliseconds())
	return busy, err
}
