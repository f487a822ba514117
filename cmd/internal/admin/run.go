// Package admin is the command sessions-admin.
package admin

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/cmd/internal/database"
)

const program = "sessions-admin"

// unconfirmed is an exit code, the same as in sessions-migrate.
const unconfirmed = 6

var errUnconfirmed = errors.New("not confirmed, nothing was changed; --yes answers beforehand")

// maxRun is how long a run may take. The longest one ends the sessions of everybody.
const maxRun = time.Hour

// command is one run of the program: its command line, and where it prints.
type command struct {
	cli.Env
	stdout, stderr io.Writer

	db        cli.Database
	selection selection
	dryRun    bool
	yes       bool
	json      bool
	store     *database.Opened
}

type action func(*command, context.Context) error

var actions = map[string]action{
	"list":   (*command).list,
	"export": (*command).export,
	"revoke": (*command).revoke,
}

const commands = "list, export or revoke"

// Run is a cli.Run.
func Run(ctx context.Context, args []string, env cli.Env, stdout, stderr io.Writer) int {
	c := &command{Env: env, stdout: stdout, stderr: stderr}
	do, err := c.parse(args)
	if err == nil {
		err = c.open(ctx, do)
	}
	if errors.Is(err, errUnconfirmed) {
		return cli.Fail(stderr, program, unconfirmed, err)
	}
	return cli.Code(stderr, program, err)
}

func (c *command) parse(args []string) (action, error) {
	flags := cli.NewFlags(program)
	chosen := newSelectionFlags(flags)
	dryRun, yes, asJSON := flags.Bool("dry-run"), flags.Bool("yes"), flags.Bool("json")
	words, err := flags.Parse(args, c.stdout, help)
	if err != nil {
		return nil, err
	}
	if len(words) == 0 {
		return nil, cli.Misuse("say what to do: " + commands)
	}
	do, ok := actions[words[0]]
	switch {
	case len(words) > 1:
		return nil, cli.Misuse("one command at a time: unexpected argument %s", cli.Safe(words[1]))
	case !ok:
		return nil, cli.Misuse("there is no command %s: "+commands, cli.Safe(words[0]))
	case words[0] != "revoke" && (*dryRun || *yes):
		return nil, cli.Misuse("--dry-run and --yes belong to revoke")
	}
	c.dryRun, c.yes, c.json = *dryRun, *yes, *asJSON
	if c.selection, err = chosen.parse(words[0] == "revoke"); err != nil {
		return nil, err
	}
	c.db, err = flags.Database(c.Env)
	return do, err
}

// open opens the store and calls do.
func (c *command) open(ctx context.Context, do action) error {
	ctx, cancel := context.WithTimeout(ctx, maxRun)
	defer cancel()
	opened, err := database.Open(ctx, c.db, database.Options{Program: program, ReadOnly: !c.selection.changes || c.dryRun})
	if err != nil {
		return err
	}
	defer opened.Close()
	c.store = opened
	return database.Advised(do(c, ctx))
}
