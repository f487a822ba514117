// Package migration is the command sessions-migrate.
package migration

import (
	"context"
	"errors"
	"io"
	"math"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the drivers that migrate.Open needs
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

// command is one run of the program: its command line, and where it prints.
type command struct {
	cli.Env
	stdout, stderr io.Writer

	opts    migrate.Options
	url     string
	to      int64 // -1: not given
	yes     bool
	json    bool
	migrate *migrate.Migrator

	exporting exporting
}

// Run is a cli.Run.
func Run(ctx context.Context, args []string, env cli.Env, stdout, stderr io.Writer) int {
	c := &command{Env: env, stdout: stdout, stderr: stderr}
	action, err := c.parse(args)
	if err == nil {
		err = action(c, ctx)
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
	"adopt":  (*command).adopt,
}

const commands = "up, down, status, check, sql or adopt"

func (c *command) parse(args []string) (action, error) {
	flags := cli.NewFlags(program)
	to := flags.Int("to", -1, 0, math.MaxInt64)
	yes, asJSON := flags.Bool("yes"), flags.Bool("json")
	export := newExportFlags(flags)
	words, err := flags.Parse(args, c.stdout, help)
	if err != nil {
		return nil, err
	}
	do, err := find(words)
	if err != nil {
		return nil, err
	}
	c.to, c.yes, c.json = *to, *yes, *asJSON
	if export.given() {
		return c.parseExport(flags, export, words[0])
	}
	db, err := flags.Database(c.Env)
	if err != nil {
		return nil, err
	}
	c.url = db.URL
	c.opts = migrate.Options{Schema: db.Table.Schema, Table: db.Table.Name, DropData: true}
	return c.connected(do), nil
}

func (c *command) parseExport(flags *cli.Flags, export exportFlags, word string) (action, error) {
	if word != "sql" {
		return nil, cli.Misuse("--dialect, --format, --dir and --first belong to sql")
	}
	e, err := export.parse(flags.DatabaseURL(c.Env))
	if err != nil {
		return nil, err
	}
	table, err := flags.TableOf(e.dialect)
	c.exporting, c.opts = e, migrate.Options{Schema: table.Schema, Table: table.Name}
	return (*command).export, err
}

func find(words []string) (action, error) {
	if len(words) == 0 {
		return nil, cli.Misuse("say what to do: " + commands)
	}
	if len(words) > 1 {
		return nil, cli.Misuse("one command at a time: unexpected argument %s", cli.Safe(words[1]))
	}
	do, ok := actions[words[0]]
	if !ok {
		return nil, cli.Misuse("there is no command %s: "+commands, cli.Safe(words[0]))
	}
	return do, nil
}

// connected is do with the database open.
func (*command) connected(do action) action {
	return func(c *command, ctx context.Context) (err error) {
		c.migrate, err = migrate.Open(ctx, c.url, c.opts)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.migrate.Close()) }()
		return do(c, ctx)
	}
}
