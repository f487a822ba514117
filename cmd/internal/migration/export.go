package migration

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/migrations/migrate"
)

// exporting has the options of the command sql if it needs no database.
type exporting struct {
	dialect migrations.Dialect
	format  migrate.Format
	dir     string
	first   string
}

// exportFlags are those of sql that name a form.
type exportFlags struct{ dialect, format, dir, first *string }

func newExportFlags(f *cli.Flags) exportFlags {
	return exportFlags{f.String("dialect"), f.String("format"), f.String("dir"), f.String("first")}
}

func (f exportFlags) given() bool { return *f.dialect+*f.format+*f.dir+*f.first != "" }

// parse checks the flags. url gives the dialect if no flag does.
func (f exportFlags) parse(url string) (e exporting, err error) {
	e = exporting{dialect: migrations.Dialect(*f.dialect), format: migrate.Format(*f.format), dir: *f.dir, first: *f.first}
	if e.dialect == "" {
		if e.dialect, err = cli.DialectOf(url); err != nil {
			return e, cli.Misuse("--dialect is missing: postgres or sqlite")
		}
	}
	if e.format == "" {
		e.format = migrate.Plain
	}
	switch {
	case e.dialect != migrations.Postgres && e.dialect != migrations.SQLite:
		return e, cli.Misuse("--dialect must be postgres or sqlite")
	case !slices.Contains(migrate.Formats(), e.format):
		return e, cli.Misuse("--format must be one of %s", words(migrate.Formats()))
	case (e.format == migrate.Plain) != (e.dir == ""):
		return e, cli.Misuse("--dir names the folder for the files of every form but plain, which is printed")
	case strings.Trim(e.first, "0123456789") != "" || len(e.first) > 18:
		return e, cli.Misuse("--first has to consist of at most 18 digits")
	}
	return e, nil
}

func words[T ~string](list []T) string {
	var all []string
	for _, w := range list {
		all = append(all, string(w))
	}
	return strings.Join(all, ", ")
}

// export prints the plain form, or writes the files that are not in the folder yet.
func (c *command) export(context.Context) error {
	e, version := c.exporting, c.to
	if version == -1 {
		version = migrate.Latest
	}
	if e.first == "" {
		e.first = time.Now().UTC().Format("20060102150405")
	}
	c.opts.Dialect = e.dialect
	files, err := migrate.Export(c.opts, e.format, version, e.first)
	if err != nil {
		return err
	}
	if e.format == migrate.Plain {
		return c.printFiles(files)
	}
	return e.write(files, func(line string) error { return cli.Written(fmt.Fprintln(c.stdout, line)) })
}

func (c *command) printFiles(files []migrate.File) error {
	for _, f := range files {
		if err := cli.Written(fmt.Fprintln(c.stdout, f.Text)); err != nil {
			return err
		}
	}
	return nil
}

// write makes each file whose migration no file of the folder has yet, whatever that one is called: a tool must not run
// it twice. It replaces nothing. The numbers are those from --first on, whatever is there already.
func (e exporting) write(files []migrate.File, say func(string) error) error {
	there, err := marks(e.dir)
	if err != nil {
		return err
	}
	number := numbers(files, there)
	for _, f := range files {
		line := "is there already as " + there[f.Mark]
		if there[f.Mark] == "" {
			f.Name = strings.Replace(f.Name, f.Number, number[f.Number], 1)
			if err := writeNew(filepath.Join(e.dir, f.Name), f.Text); err != nil {
				return fmt.Errorf("--dir: %s: %w", f.Name, cli.Reason(err))
			}
			line = "written"
		}
		if err := say(f.Name + ": " + line); err != nil {
			return err
		}
	}
	return nil
}

// numbers returns what the numbers of the files that are to be written become: those that all files begin with.
func numbers(files []migrate.File, there map[string]string) map[string]string {
	var all []string
	become := map[string]string{}
	for _, f := range files {
		if !slices.Contains(all, f.Number) {
			all = append(all, f.Number)
		}
		if there[f.Mark] == "" && become[f.Number] == "" {
			become[f.Number] = all[len(become)]
		}
	}
	return become
}

// marks returns the first lines of the folder's files that begin as File.Mark does, with the files' names.
func marks(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("--dir: %w", cli.Reason(err))
	}
	found := map[string]string{}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || filepath.Ext(entry.Name()) != ".sql" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("--dir: %w", cli.Reason(err))
		}
		first, _, _ := strings.Cut(string(text), "\n")
		found[strings.TrimSuffix(first, "\r")] = entry.Name() // a checkout on Windows may have it
	}
	return found, nil
}

// writeNew writes a file that must not be there.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return errors.New("a file of that name is there already: choose another number with --first")
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
