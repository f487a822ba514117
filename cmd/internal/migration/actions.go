package migration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/migrations/migrate"
)

func (c *command) up(ctx context.Context) error {
	version := c.to
	if version == -1 {
		version = migrate.Latest
	}
	steps, err := c.migrate.UpTo(ctx, version)
	if err != nil {
		return err
	}
	return c.report(steps)
}

var errUnconfirmed = errors.New("not confirmed, nothing was changed; --yes answers beforehand")

func (c *command) down(ctx context.Context) error {
	if due, err := c.confirm(ctx); err != nil || !due {
		return errors.Join(err, c.reportUnless(err, nil))
	}
	if c.to == -1 {
		steps, err := c.migrate.Down(ctx)
		return errors.Join(err, c.reportUnless(err, steps))
	}
	steps, err := c.migrate.DownTo(ctx, c.to)
	return errors.Join(err, c.reportUnless(err, steps))
}

// confirm asks the user if there is something to take back, and returns an error if the answer is no. It reports false
// if there was nothing when it looked: what others have made since then must not be taken back without a question.
func (c *command) confirm(ctx context.Context) (due bool, err error) {
	if c.yes {
		return true, nil
	}
	now, err := c.migrate.Status(ctx)
	if err != nil || now.Newer() || len(now.Problems) > 0 || c.to > now.Latest {
		return true, err // which Down refuses
	}
	if now.Current == 0 || (c.to != -1 && c.to >= now.Current) {
		return false, nil
	}
	_, _ = fmt.Fprintf(c.stderr, "%s is at version %d. Going down drops sessions, and their users are logged out.\n"+
		"Type yes to go on: ", now.Table, now.Current)
	if cli.Answer(ctx, c.Stdin) != "yes" {
		return false, errUnconfirmed
	}
	return true, nil
}

func (c *command) status(ctx context.Context) error {
	now, err := c.migrate.Status(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.print(now)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is at version %d of %d\n", now.Table, now.Current, now.Latest)
	for _, m := range now.Migrations {
		fmt.Fprintf(&b, "  %-8s %s\n", state(m), m.Name)
	}
	if now.Newer() {
		b.WriteString("the database is newer than this program, which can use it but not change it\n")
	}
	for _, problem := range now.Problems {
		fmt.Fprintf(&b, "problem: %s\n", problem)
	}
	return cli.Written(c.stdout.Write([]byte(b.String())))
}

func state(m migrate.Migration) string {
	if m.Applied {
		return "applied"
	}
	return "pending"
}

// checked is what check prints as JSON.
type checked struct {
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

func (c *command) check(ctx context.Context) error {
	failed := c.migrate.Check(ctx)
	if c.json {
		return errors.Join(failed, c.print(checked{failed == nil, errText(plain(failed))}))
	}
	if failed != nil {
		return failed
	}
	return cli.Written(fmt.Fprintln(c.stdout, "up to date"))
}

func (c *command) sql(ctx context.Context) error {
	version := c.to
	if version == -1 {
		version = migrate.Latest
	}
	script, err := c.migrate.SQL(ctx, version)
	if err != nil {
		return err
	}
	if script == "" {
		script = "-- nothing to do\n"
	}
	return cli.Written(c.stdout.Write([]byte(script)))
}

func (c *command) adopt(ctx context.Context) error {
	version, err := c.migrate.Adopt(ctx)
	if err != nil {
		return err
	}
	if c.json {
		return c.print(adopted{version})
	}
	text := "nothing to do"
	if version > 0 {
		text = fmt.Sprintf("recorded version %d", version)
	}
	return cli.Written(fmt.Fprintln(c.stdout, text))
}

// adopted is what adopt prints as JSON; 0: a version was recorded already.
type adopted struct {
	Version int64 `json:"recorded_version"`
}

// ran is what up and down print as JSON.
type ran struct {
	Steps []migrate.Step `json:"steps"`
}

func (c *command) reportUnless(err error, steps []migrate.Step) error {
	if err != nil {
		return nil
	}
	return c.report(steps)
}

// report prints the steps, or says in the error what it could not print: they stay done.
func (c *command) report(steps []migrate.Step) error {
	lines := []string{"nothing to do"}
	if len(steps) > 0 {
		lines = describe(steps)
	}
	var err error
	if c.json {
		err = c.print(ran{append([]migrate.Step{}, steps...)})
	} else {
		err = cli.Written(fmt.Fprintln(c.stdout, strings.Join(lines, "\n")))
	}
	if err != nil {
		return fmt.Errorf("%s; this could not be reported: %w", strings.Join(lines, ", "), err)
	}
	return nil
}

func describe(steps []migrate.Step) []string {
	var lines []string
	for _, s := range steps {
		lines = append(lines, verb(s)+" "+s.Name)
	}
	return lines
}

func verb(s migrate.Step) string {
	if s.Down {
		return "took back"
	}
	return "applied"
}

func (c *command) print(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return cli.Written(c.stdout.Write(append(text, '\n')))
}
