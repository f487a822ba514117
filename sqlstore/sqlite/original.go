package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// lookEvery is how long a transaction relies on the last look at the file.
const lookEvery = time.Second

// original is the file that a store has opened. If it is deleted or replaced, its connections go on with a file that
// has no name any more, and what they commit is lost with the process; a new connection would have the other file.
type original struct {
	at   location
	info fs.FileInfo // nil in memory
}

func (l location) original() (original, error) {
	if l.path == "" {
		return original{at: l}, nil
	}
	info, err := os.Stat(l.path)
	if err != nil {
		return original{}, fmt.Errorf("sqlite: %w", err)
	}
	return original{l, info}, nil
}

// check returns an error if the path leads to another file now, or to none. A system that does not let this process look
// says neither.
func (o original) check() error {
	if o.info == nil {
		return nil
	}
	info, err := os.Stat(o.at.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("sqlite: %s, which this process has open, was deleted or moved: restart the service", o.at)
	case err == nil && !os.SameFile(o.info, info):
		return fmt.Errorf("sqlite: %s, which this process has open, was replaced by another file: restart the service", o.at)
	}
	return nil
}

// look checks the file unless that was done a moment ago.
func (w *writer) look() error {
	if time.Since(w.looked) < lookEvery {
		return nil
	}
	if err := w.file.check(); err != nil {
		return err
	}
	w.looked = time.Now()
	return nil
}
