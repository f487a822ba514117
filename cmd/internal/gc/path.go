package gc

import (
	"errors"
	"io/fs"
	"os"
	"regexp"

	"github.com/simples-go/sessions/cmd/internal/cli"
)

var plainPath = regexp.MustCompile(`^[\pL\pN ._/\\-]+$`)

// shown returns a path as it may be printed: not where it may be a database URL in the wrong place.
func shown(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return cli.Safe(path)
}

// reason returns what the system said of a file, without the file's name.
func reason(err error) error {
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
