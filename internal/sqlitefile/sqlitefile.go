// Package sqlitefile has what all who open a SQLite file share: its name for the driver, how a new one is made, what mode
// is refused, and which errors say that the file is busy.
package sqlitefile

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// DSN returns the data source name of a file for modernc.org/sqlite. No character of the path is taken for a parameter.
func DSN(path string, params url.Values) string {
	path = filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		path = "/" + path
	}
	scheme := "file:"
	if strings.HasPrefix(path, "/") {
		scheme = "file://"
	}
	// SQLite takes a plus for a plus.
	query := strings.ReplaceAll(params.Encode(), "+", "%20")
	return scheme + (&url.URL{Path: path}).EscapedPath() + "?" + query
}

// Template makes an empty file of mode 0600 beside path. SQLite gives a file that it makes the mode of the one that the
// parameter "modeof" names. To make the database itself with that mode, it would have to be closed again, which drops the
// locks of every connection that this process has to it meanwhile; and not every file system has hard links.
func Template(path string) (name string, remove func(), err error) {
	dir, _ := filepath.Split(path) // filepath.Dir would take a link and .. for nothing
	if dir == "" {
		dir = "."
	}
	file, err := os.CreateTemp(dir, ".sessions-*")
	if err != nil {
		return "", nil, err
	}
	remove = func() { _ = os.Remove(file.Name()) }
	if err := file.Close(); err != nil {
		remove()
		return "", nil, err
	}
	return file.Name(), remove, nil
}

// errOpenToAll says nothing of the path, which may be a URL with a password in the wrong place.
var errOpenToAll = errors.New("every user of the machine may write to the database: take that right away with chmod o-w")

// CheckMode refuses a file that every user of the machine may write to: whoever writes rows makes sessions.
func CheckMode(info fs.FileInfo) error {
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
		return errOpenToAll
	}
	return nil
}

// Primary result codes of SQLite that say that the file is busy.
const (
	busy   = 5
	locked = 6 // within the process, for a database in memory
)

// Code returns the primary result code of an error of SQLite, 0 for any other.
func Code(err error) int {
	var code interface{ Code() int }
	if err != nil && errors.As(err, &code) {
		return code.Code() & 0xff
	}
	return 0
}

// IsBusy reports whether another connection has the file.
func IsBusy(err error) bool {
	c := Code(err)
	return c == busy || c == locked
}
