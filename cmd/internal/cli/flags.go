package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/simples-go/sessions/migrations"
)

// Flags is the command line of a command.
type Flags struct {
	set     *flag.FlagSet
	program string

	URL, Table, Schema string
	help, version      bool
}

// NewFlags returns the flags that all commands have.
func NewFlags(program string) *Flags {
	f := &Flags{set: flag.NewFlagSet(program, flag.ContinueOnError), program: program}
	f.set.SetOutput(io.Discard)
	f.set.StringVar(&f.URL, "database-url", "", "")
	f.set.StringVar(&f.Table, "table", migrations.DefaultTable, "")
	f.set.Var((*text)(&f.Schema), "schema", "")
	f.set.BoolVar(&f.help, "help", false, "")
	f.set.BoolVar(&f.help, "h", false, "")
	f.set.BoolVar(&f.version, "version", false, "")
	return f
}

// Bool adds a switch.
func (f *Flags) Bool(name string) *bool { return f.set.Bool(name, false, "") }

// String adds a text, which is "" only if it is not given: an empty one is refused. A script's unset variable makes
// one, and if that were as good as no flag, sessions-admin revoke --owner "$NAME" --realm web would end the whole realm.
func (f *Flags) String(name string) *string {
	v := new(text)
	f.set.Var(v, name, "")
	return (*string)(v)
}

// Int adds a number from low to high.
func (f *Flags) Int(name string, def, low, high int64) *int64 {
	v := &number{value: def, low: low, high: high}
	f.set.Var(v, name, "")
	return &v.value
}

// Duration adds a duration of 0 or more.
func (f *Flags) Duration(name string, def time.Duration) *time.Duration {
	v := duration(def)
	f.set.Var(&v, name, "")
	return (*time.Duration)(&v)
}

// ErrDone is returned if the command line is for help or the version, which have been printed.
var ErrDone = errors.New("nothing to do")

// Parse reads the command line, flags and arguments in any order, and returns the arguments. It prints help and version.
func (f *Flags) Parse(args []string, stdout io.Writer, help string) ([]string, error) {
	var rest []string
	for {
		if err := f.set.Parse(args); err != nil {
			return nil, f.complaint(err)
		}
		switch {
		case f.help:
			return nil, printed(io.WriteString(stdout, help))
		case f.version:
			return nil, printed(fmt.Fprintf(stdout, "%s %s\n", f.program, Version()))
		case f.set.NArg() == 0:
			return rest, nil
		}
		rest, args = append(rest, f.set.Arg(0)), f.set.Args()[1:]
	}
}

// given reports whether the command line has the flag.
func (f *Flags) given(name string) (is bool) {
	f.set.Visit(func(g *flag.Flag) { is = is || g.Name == name })
	return is
}

func printed(_ int, err error) error {
	if err != nil {
		return fmt.Errorf("standard output: %w", err)
	}
	return ErrDone
}

var invalidValue = regexp.MustCompile(`(?s)^invalid (?:boolean )?value ".*" for (?:flag )?(-[a-z-]+): (.*)$`)

// complaint words an error of package flag without the value, which may be a misplaced URL.
func (f *Flags) complaint(err error) error {
	said := err.Error()
	if m := invalidValue.FindStringSubmatch(said); m != nil {
		said = "-" + m[1] + ": " + m[2]
	} else if name, ok := strings.CutPrefix(said, "flag provided but not defined: "); ok {
		said = "there is no flag -" + Safe(name)
	} else if strings.HasPrefix(said, "flag needs an argument: ") {
		said = "a value is missing after -" + strings.TrimPrefix(said, "flag needs an argument: ")
	} else {
		said = "the command line does not parse"
	}
	return &UsageError{said}
}

// UsageError is a mistake in the command line.
type UsageError struct{ text string }

func (e *UsageError) Error() string { return e.text + " (see --help)" }

// Misuse returns a UsageError.
func Misuse(format string, args ...any) error { return &UsageError{fmt.Sprintf(format, args...)} }

var harmless = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// Safe returns what the user wrote in a form that can be printed: a word as it is, and of anything else, which may hold a
// password, only its length.
func Safe(s string) string {
	if harmless.MatchString(s) {
		return s
	}
	return fmt.Sprintf("(%d bytes, not shown)", len(s))
}

type text string

func (t *text) String() string { return string(*t) }

func (t *text) Set(s string) error {
	if s == "" {
		return errors.New("the value is empty, as a variable that is not set makes it")
	}
	*t = text(s)
	return nil
}

type number struct{ value, low, high int64 }

func (n *number) String() string { return strconv.FormatInt(n.value, 10) }

func (n *number) Set(s string) error {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil || v < n.low || v > n.high {
		if n.high == math.MaxInt64 {
			return fmt.Errorf("%s is not a number from %d on", Safe(s), n.low)
		}
		return fmt.Errorf("%s is not a number from %d to %d", Safe(s), n.low, n.high)
	}
	n.value = v
	return nil
}

type duration time.Duration

func (d *duration) String() string { return time.Duration(*d).String() }

func (d *duration) Set(s string) error {
	v, err := time.ParseDuration(s)
	if err != nil || v < 0 {
		return fmt.Errorf("%s is not a duration of 0 or more, such as 500ms, 90s or 24h", Safe(s))
	}
	*d = duration(v)
	return nil
}
