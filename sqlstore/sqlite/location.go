package sqlite

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/simples-go/sessions/internal/sqlitefile"
)

// memory is the path of a database that lives in the process and ends with the store.
const memory = ":memory:"

// location is where a database is, in a form that no character of its path can turn into a parameter.
type location struct {
	path string // absolute; "" in memory
	name string // in memory: what the connections of one store have in common
}

// locate accepts a plain path, "sqlite:" before one, and ":memory:".
func locate(target string) (location, error) {
	path, isURL := strings.CutPrefix(target, "sqlite:")
	switch {
	case path == "":
		return location{}, errors.New("sqlite: no path given, write a file's name such as sessions.db")
	case path == memory:
		return location{name: "/" + rand.Text()}, nil
	case strings.HasPrefix(path, "file:") && !isURL:
		return location{}, errors.New("sqlite: give a plain path, not a file: URI; the store sets the parameters itself")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		return location{}, errors.New("sqlite: a path has no host, write sqlite:live.db or sqlite:/var/lib/live.db")
	case strings.ContainsRune(path, 0):
		return location{}, errors.New("sqlite: the path holds a zero byte")
	}
	path, err := absolute(path)
	if err != nil {
		return location{}, fmt.Errorf("sqlite: %w", err)
	}
	return location{path: path}, nil
}

// absolute puts the working directory before a relative path. It cleans nothing: behind a symbolic link, ".." is
// another directory than the path's text says, but on Windows.
func absolute(path string) (string, error) {
	if runtime.GOOS == "windows" {
		return filepath.Abs(path)
	}
	if filepath.IsAbs(path) {
		return path, nil
	}
	dir, err := os.Getwd()
	return dir + "/" + path, err
}

// beside returns the location of another file next to this one.
func (l location) beside(suffix string) location {
	if l.path == "" {
		return location{name: l.name + suffix}
	}
	return location{path: l.path + suffix}
}

// real returns the location that symbolic links lead to, which is one for all who use the file.
func (l location) real() location {
	if l.path == "" {
		return l
	}
	if path, err := filepath.EvalSymlinks(l.path); err == nil {
		l.path = path
	}
	return l
}

func (l location) String() string {
	if l.path == "" {
		return memory
	}
	return l.path
}

// state is how much of a database there is.
type state int

const (
	absent state = iota
	empty
	present
)

// check says what is wrong with a path in words that the database does not find.
func (l location) check() (s state, err error) {
	if l.path == "" {
		return empty, nil
	}
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return absent, nil
	case err != nil:
		return absent, fmt.Errorf("sqlite: %w", err)
	case info.IsDir():
		return absent, fmt.Errorf("sqlite: %s is a directory, name a file in it", l)
	case !info.Mode().IsRegular():
		return absent, fmt.Errorf("sqlite: %s is no regular file", l)
	}
	if err := sqlitefile.CheckMode(info); err != nil {
		return absent, fmt.Errorf("sqlite: %s: %w", l, err)
	}
	if info.Size() == 0 {
		return empty, nil
	}
	return present, nil
}
