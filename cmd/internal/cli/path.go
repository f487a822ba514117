package cli

import (
	"errors"
	"io/fs"
	"os"
	"regexp"
)

var plainPath = regexp.MustCompile(`^[\pL\pN ._/\\-]+$`)

// Shown returns a path as it may be printed: not if it may be a database URL in the wrong place.
func Shown(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return Safe(path)
}

// Reason returns what the system said of a file, without the file's name.
func Reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
