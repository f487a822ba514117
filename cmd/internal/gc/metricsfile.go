package gc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session/store"
)

// metricsFile is a file for Prometheus's textfile collector. Without a path there is none. What is not empty of the
// others is a label of each series: node_exporter refuses to report two files of a host that have the same one.
type metricsFile struct{ path, database, schema, table string }

// check finds out before the work whether the file can be written.
//
// A link is refused and not followed. The folder may be one in which others can make files, and a link that somebody has
// planted there would have a run of root replace any file of the machine, and open it to all readers.
func (m metricsFile) check() error {
	if m.path == "" {
		return nil
	}
	info, err := os.Lstat(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return m.failed(err)
	case info.Mode()&fs.ModeSymlink != 0:
		return cli.Misuse("--metrics-file: %s is a link, which is not followed: name the file itself", cli.Shown(m.path))
	case !info.Mode().IsRegular() || isOutput(info):
		return cli.Misuse("--metrics-file: %s is not a regular file of its own", cli.Shown(m.path))
	}
	temp, err := m.temp()
	if err != nil {
		return err
	}
	return m.failed(errors.Join(temp.Close(), os.Remove(temp.Name())))
}

// isOutput reports whether a file is what the command prints to, as /dev/stdout is.
func isOutput(info os.FileInfo) bool {
	for _, f := range []*os.File{os.Stdout, os.Stderr} {
		if out, err := f.Stat(); err == nil && os.SameFile(info, out) {
			return true
		}
	}
	return false
}

// failed says which file an error is about, and leaves out what the error calls it.
func (m metricsFile) failed(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("metrics file: %s: %w", cli.Shown(m.path), cli.Reason(err))
}

// temp makes a file beside the one to be written. Its name does not end in .prom, so that nobody reads it.
func (m metricsFile) temp() (*os.File, error) {
	temp, err := os.CreateTemp(filepath.Dir(m.path), ".sessions-gc.*")
	return temp, m.failed(err)
}

// write replaces the file in one step, and a link that was planted since check, not what that leads to. A run that found
// the lock taken leaves the file to the run that holds the lock.
func (m metricsFile) write(r store.CollectReport, start time.Time, failed error) error {
	if m.path == "" || r.Stopped == store.StopLocked {
		return nil
	}
	temp, err := m.temp()
	if err != nil {
		return err
	}
	err = errors.Join(fill(temp, m.text(r, start, failed)), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), m.path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return m.failed(err)
}

func fill(temp *os.File, text string) error {
	if _, err := temp.WriteString(text); err != nil {
		return err
	}
	return errors.Join(temp.Chmod(0o644), temp.Sync())
}

// open opens what the last run wrote, unless the path is that of something else, such as a link or a pipe that never
// answers.
func (m metricsFile) open() (*os.File, error) {
	info, err := os.Lstat(m.path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fs.ErrInvalid)
	}
	return os.Open(m.path)
}
