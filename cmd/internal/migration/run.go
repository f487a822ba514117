// Package migration is the command sessions-migrate.
package migration

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that migrate.Open asks for
	_ "modernc.org/sqlite"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/migrations/migrate"
)

const program = "sessions-migrate"

// Exit codes of this command.
const (
	behind      = 3
	dirty       = 4
	newer       = 5
	unconfirmed = 6
)

// command is one run: what was asked for, and where to answer.
type command struct {
	cli.Env
	stdout, stderr io.Writer

	opts    migrate.Options
	url     string
	to      int64 // -1: not given
	yes     bool
	json    bool
	migrate *migrate.Migrator
}

// Run is a cli.Run.
func Run(ctx context.Context, args []string, env cli.Env, stdout, stderr io.Writer) int {
	c := &command{Env: env, stdout: stdout, stderr: stderr}
	action, err := c.parse(args)
	if err == nil {
		err = c.do(ctx, action)
	}
	return code(stderr, err)
}

func code(stderr io.Writer, err error) int {
	for cause, exit := range map[error]int{
		migrate.ErrBehind: behind, migrate.ErrDirty: dirty, migrate.ErrForeignTable: dirty,
		migrate.ErrNewer: newer, errUnconfirmed: unconfirmed,
	} {
		if errors.Is(err, cause) {
			return cli.Fail(stderr, program, exit, plain(err))
		}
	}
	return cli.Code(stderr, program, plain(err))
}

// plain leaves the library's prefix out of what a person reads.
func plain(err error) error {
	if text, ok := strings.CutPrefix(errText(err), "migrate: "); ok {
		return errors.New(text)
	}
	return err
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

type action func(*command, context.Context) error

var actions = map[string]action{
	"up":     (*command).up,
	"down":   (*command).down,
	"status": (*command).status,
	"check":  (*command).check,
	"sql":    (*command).sql,
}

func (c *command) parse(args []string) (action, error) {
	flags := cli.NewFlags(program)
	to := flags.Int("to", -1, 0, math.MaxInt64)
	yes, asJSON := flags.Bool("yes"), flags.Bool("json")
	words, err := flags.Parse(args, c.stdout, help)
	if err != nil {
		return nil, err
	}
	do, err := find(words)
	if err != nil {
		return nil, err
	}
	db, err := flags.Database(c.Env)
	if err != nil {
		return nil, err
	}
	c.url, c.to, c.yes, c.json = db.URL, *to, *yes, *asJSON
	c.opts = migrate.Options{Schema: db.Table.Schema, Table: db.Table.Name, DropData: true}
	return do, nil
}

func find(words []string) (action, error) {
	if len(words) == 0 {
		return nil, cli.Misuse("say what to do: up, down, status, check or sql")
	}
	if len(words) > 1 {
		return nil, cli.Misuse("one command at a time: unexpected argument %s", cli.Safe(words[1]))
	}
	do, ok := actions[words[0]]
	if !ok {
		return nil, cli.Misuse("there is no command %s: up, down, status, check or sql", cli.Safe(words[0]))
	}
	return do, nil
}

func (c *command) do(ctx context.Context, do action) (err error) {
	c.migrate, err = migrate.Open(ctx, c.url, c.opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.migrate.Close()) }()
	return do(c, ctx)
}
