package admin

import (
	"context"
	"fmt"

	"github.com/simples-go/sessions/cmd/internal/cli"
)

// revoked is what revoke prints as JSON.
type revoked struct {
	Table   string `json:"table"`
	DryRun  bool   `json:"dry_run"`
	Live    int64  `json:"live"`    // how many were selected and alive
	Revoked int    `json:"revoked"` // how many were ended, expired ones that were still there among them
}

func (c *command) revoke(ctx context.Context) error {
	live, err := c.count(ctx)
	if err != nil {
		return err
	}
	report := revoked{Table: c.db.Table.Name, DryRun: c.dryRun, Live: live}
	if c.dryRun {
		return c.report(report, plural(live)+" would be ended, nothing was changed")
	}
	if err := c.confirm(ctx, live); err != nil {
		return err
	}
	ended, err := c.store.Store.Revoke(ctx, c.selection.Selector)
	if err != nil {
		return fmt.Errorf("ended %s, then: %w", plural(len(ended)), err)
	}
	report.Revoked = len(ended)
	return c.report(report, "ended "+plural(len(ended)))
}

// count returns how many live sessions are selected.
func (c *command) count(ctx context.Context) (int64, error) {
	if c.selection.All {
		return c.store.Live(ctx, c.selection.Selector)
	}
	all, err := c.find(ctx)
	return int64(len(all.Sessions)), err
}

func (c *command) confirm(ctx context.Context, live int64) error {
	if c.yes {
		return nil
	}
	_, _ = fmt.Fprintf(c.stderr, "This ends %s in %s, and closes their sockets.\nType yes to go on: ", plural(live),
		c.db.Table.Quoted())
	if cli.Answer(ctx, c.Stdin) != "yes" {
		return errUnconfirmed
	}
	return nil
}

// report prints what was done, or says in the error what it could not print.
func (c *command) report(r revoked, text string) (err error) {
	if c.json {
		err = c.print(r)
	} else {
		err = cli.Written(fmt.Fprintln(c.stdout, text))
	}
	if err != nil {
		return fmt.Errorf("%s; this could not be reported: %w", text, err)
	}
	return nil
}
