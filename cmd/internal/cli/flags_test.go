package cli

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func testFlags() *Flags {
	f := NewFlags("program")
	f.Int("batch", 1, 1, 10)
	f.Duration("pause", time.Second)
	f.Bool("json")
	f.String("metrics-file")
	return f
}

func TestArgumentsInAnyOrder(t *testing.T) {
	f := testFlags()
	words, err := f.Parse([]string{"up", "--table", "web", "now", "-json"}, io.Discard, "")
	if err != nil || strings.Join(words, " ") != "up now" || f.Table != "web" {
		t.Errorf("words %v, table %q, %v", words, f.Table, err)
	}
}

// An empty text is no text, and the environment's database not the one that a flag was to name.
func TestEmptyValuesAreRefused(t *testing.T) {
	for _, flag := range []string{"--metrics-file", "--schema", "--database-url", "--table"} {
		f := testFlags()
		_, err := f.Parse([]string{flag, ""}, io.Discard, "")
		if err == nil {
			_, err = f.Database(Env{Getenv: func(string) string { return "sqlite:live.db" }})
		}
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestSafe(t *testing.T) {
	for in, want := range map[string]string{
		"up": "up", "--fast": "--fast", "": "(0 bytes, not shown)",
		"postgres://u:p@h/d": "(18 bytes, not shown)", "a b": "(3 bytes, not shown)", "\x1b[2J": "(4 bytes, not shown)",
	} {
		if got := Safe(in); got != want {
			t.Errorf("Safe(%q) = %q, want %q", in, got, want)
		}
	}
}

// FuzzFlags: a command line is understood, or refused with a short text that repeats nothing of it but plain words. What
// is fuzzed is what stands around a URL with a password.
func FuzzFlags(f *testing.F) {
	for _, seed := range []string{
		"", "--batch ", "--batch=", "--pause=", "--json=", "--table ", "--", "-", "---", "--metrics-file", "up ", "--=", "--x=",
	} {
		f.Add(seed, "")
		f.Add("", seed)
		f.Add(seed, " --batch 99")
	}
	const secret = "postgres://app:p4ssw0rd@h/d"
	f.Fuzz(func(t *testing.T, before, after string) {
		if strings.Contains(before+after, "p4ss") {
			return
		}
		flags := testFlags()
		words, err := flags.Parse(strings.Fields(before+secret+after), io.Discard, "help")
		if err == nil {
			_, err = flags.Database(Env{Getenv: func(string) string { return "" }})
		}
		if err == nil && len(words) > 0 {
			err = Misuse("unexpected argument %s", Safe(words[0]))
		}
		var usage *UsageError
		if err != nil && !errors.Is(err, ErrDone) && !errors.As(err, &usage) {
			t.Errorf("an error of another kind: %v", err)
		}
		if err != nil && (strings.Contains(err.Error(), "p4ss") || len(err.Error()) > 300) {
			t.Errorf("%q tells too much", err)
		}
	})
}
