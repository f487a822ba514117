package sqlitefile

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"testing"
)

func TestNoCharacterOfAPathIsAParameter(t *testing.T) {
	params := url.Values{"modeof": {"/a b+c/?&%"}}
	const query = "?modeof=%2Fa%20b%2Bc%2F%3F%26%25"
	for path, want := range map[string]string{
		"/a b/x.db":   "file:///a%20b/x.db",
		"x.db":        "file:x.db",
		"a?mode=ro":   "file:a%3Fmode=ro",
		"/a#b%41":     "file:///a%23b%2541",
		"//host/x.db": "file:////host/x.db",
		"a:b+c":       "file:a:b+c",
	} {
		if got := DSN(path, params); got != want+query {
			t.Errorf("%s: %s, want %s", path, got, want+query)
		}
	}
}

func TestATemplateIsTheOwnersAlone(t *testing.T) {
	for _, dir := range []string{t.TempDir(), ""} {
		if dir == "" {
			t.Chdir(t.TempDir())
		}
		name, remove, err := Template(filepath.Join(dir, "x.db"))
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(name)
		if err != nil || info.Mode() != 0o600 || info.Size() != 0 {
			t.Errorf("%v, %v", info, err)
		}
		remove()
		if _, err := os.Stat(name); err == nil {
			t.Error("it is left behind")
		}
	}
	if _, _, err := Template(filepath.Join(t.TempDir(), "missing", "x.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in a folder that is not there: %v", err)
	}
}

func TestAFileThatAllMayWriteIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, refused := range map[os.FileMode]bool{0o600: false, 0o644: false, 0o660: false, 0o666: true, 0o602: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckMode(info); (err != nil) != refused {
			t.Errorf("%v: %v", mode, err)
		}
	}
}

type coded int

func (c coded) Code() int     { return int(c) }
func (c coded) Error() string { return "database is locked" }

func TestBusyErrors(t *testing.T) {
	for err, want := range map[error]bool{
		coded(5): true, coded(6): true, coded(5 | 2<<8): true, coded(1): false, errors.New("busy"): false, nil: false,
	} {
		wrapped := err
		if err != nil {
			wrapped = fmt.Errorf("wrapped: %w", err)
		}
		if IsBusy(wrapped) != want {
			t.Errorf("%v: busy %t", err, !want)
		}
	}
}
