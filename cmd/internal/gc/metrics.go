package gc

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/simples-go/sessions/cmd/internal/cli"
	"github.com/simples-go/sessions/session/store"
)

// metricsFile is a file for Prometheus's textfile collector. Without a path it is none.
type metricsFile struct{ path, table string }

// check finds out before the work whether the file can be written, and where it is if a link leads to it.
func (m *metricsFile) check() error {
	if m.path == "" {
		return nil
	}
	info, err := os.Stat(m.path)
	switch {
	case err == nil:
		if !info.Mode().IsRegular() || isOutput(info) {
			return cli.Misuse("--metrics-file: %s is not a regular file of its own", shown(m.path))
		}
		// It is replaced, which a link to it shall outlive.
		if m.path, err = filepath.EvalSymlinks(m.path); err != nil {
			return m.failed(err)
		}
	case !errors.Is(err, fs.ErrNotExist):
		return m.failed(err)
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
	return fmt.Errorf("metrics file: %s: %w", shown(m.path), reason(err))
}

// temp makes a file beside the one to be written. Its name does not end in .prom, so that nobody reads it.
func (m metricsFile) temp() (*os.File, error) {
	temp, err := os.CreateTemp(filepath.Dir(m.path), ".sessions-gc.*")
	return temp, m.failed(err)
}

// write replaces the file in one step. A run that found the lock taken leaves it to the run that holds the lock.
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

const (
	lastSuccess = "sessions_gc_last_success_timestamp_seconds"
	deleted     = "sessions_gc_deleted_total"
)

func (m metricsFile) text(r store.CollectReport, start time.Time, failed error) string {
	before := m.before()
	success := before[lastSuccess]
	if failed == nil {
		success = float64(start.Unix())
	}
	var b strings.Builder
	add := func(name, kind, what string, value float64) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %s\n", name, what, name, kind, m.series(name), number(value))
	}
	add("sessions_gc_last_run_timestamp_seconds", "gauge", "Start of the last run.", float64(start.Unix()))
	add(lastSuccess, "gauge", "Start of the last run that did not fail.", success)
	add("sessions_gc_success", "gauge", "1 if the last run did not fail.", truth(failed == nil))
	add(deleted, "counter", "Rows deleted by all runs.", before[deleted]+float64(r.Deleted))
	add("sessions_gc_deleted", "gauge", "Rows deleted by the last run.", float64(r.Deleted))
	add("sessions_gc_batches", "gauge", "Batches of the last run.", float64(r.Batches))
	add("sessions_gc_duration_seconds", "gauge", "Duration of the last run.", r.Duration.Seconds())
	add("sessions_gc_done", "gauge", "1 if the last run went on until nothing was left.", truth(r.Stopped == store.StopDone))
	if failed == nil {
		add("sessions_gc_expired_remaining", "gauge", "Expired rows left, counted up to 100000.", float64(r.Remaining))
	}
	return b.String()
}

func (m metricsFile) series(name string) string { return fmt.Sprintf("%s{table=%q}", name, m.table) }

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// before reads what the last run wrote; nothing where there is no such file or it does not parse.
func (m metricsFile) before() map[string]float64 {
	values := map[string]float64{}
	file, err := os.Open(m.path)
	if err != nil {
		return values
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		series, text, _ := strings.Cut(lines.Text(), " ")
		for _, name := range []string{lastSuccess, deleted} {
			if v, err := strconv.ParseFloat(text, 64); err == nil && series == m.series(name) {
				values[name] = v
			}
		}
	}
	return values
}
