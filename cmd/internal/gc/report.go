package gc

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session/store"
)

// result is what --json prints.
type result struct {
	Table                  string  `json:"table"`
	DryRun                 bool    `json:"dry_run"`
	Deleted                int64   `json:"deleted"`
	ExpiredRemaining       int64   `json:"expired_remaining"`
	ExpiredRemainingCapped bool    `json:"expired_remaining_capped"`
	Batches                int     `json:"batches"`
	DurationSeconds        float64 `json:"duration_seconds"`
	Stopped                string  `json:"stopped"`
}

func (c *command) print(stdout io.Writer, r store.CollectReport) error {
	switch {
	case c.json:
		return cli.Written(stdout.Write(c.asJSON(r)))
	case c.quiet:
		return nil
	}
	return cli.Written(fmt.Fprintln(stdout, c.sentence(r)))
}

func (c *command) asJSON(r store.CollectReport) []byte {
	text, err := json.Marshal(result{
		Table: c.db.Table.Name, DryRun: c.options.DryRun, Deleted: r.Deleted, ExpiredRemaining: r.Remaining,
		ExpiredRemainingCapped: capped(r), Batches: r.Batches, DurationSeconds: r.Duration.Seconds(), Stopped: string(r.Stopped),
	})
	if err != nil {
		panic(err) // numbers and texts always encode
	}
	return append(text, '\n')
}

func capped(r store.CollectReport) bool { return r.Remaining >= store.RemainingLimit }

func (c *command) sentence(r store.CollectReport) string {
	switch {
	case r.Stopped == store.StopLocked:
		return "another run holds the lock, nothing was done"
	case c.options.DryRun:
		return fmt.Sprintf("%s expired, nothing was deleted", left(r))
	}
	text := fmt.Sprintf("deleted %d in %s (%d batches), %s expired left", r.Deleted,
		r.Duration.Round(time.Millisecond), r.Batches, left(r))
	if r.Stopped != store.StopDone {
		text += ", stopped by " + string(r.Stopped)
	}
	return text
}

func left(r store.CollectReport) string {
	if capped(r) {
		return fmt.Sprintf("%d or more", r.Remaining)
	}
	return fmt.Sprint(r.Remaining)
}
