package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// Log writes operations to a file, one JSON object a line, or keeps them if it was not made by NewLog. It is safe for
// concurrent use.
type Log struct {
	mu   sync.Mutex
	file *os.File
	out  *bufio.Writer
	n    int
	err  error
	kept []Op
}

// NewLog makes the file.
func NewLog(path string) (*Log, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	return &Log{file: file, out: bufio.NewWriter(file)}, nil
}

// Add appends operations.
func (l *Log) Add(ops ...Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		l.kept = append(l.kept, ops...)
		l.n += len(ops)
		return
	}
	for i := range ops {
		text, err := json.Marshal(&ops[i])
		if err == nil {
			_, err = l.out.Write(append(text, '\n'))
		}
		l.err = errors.Join(l.err, err)
		l.n++
	}
}

// Ops returns the operations that were kept.
func (l *Log) Ops() []Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}

// Len returns how many operations there are.
func (l *Log) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// Close ends the file and returns what went wrong in between.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.err, l.out.Flush(), l.file.Close())
}

// WriteFile writes a whole history.
func WriteFile(path string, ops []Op) error {
	l, err := NewLog(path)
	if err != nil {
		return err
	}
	l.Add(ops...)
	return l.Close()
}

// ReadFile reads what Log has written.
func ReadFile(path string) ([]Op, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var ops []Op
	for d := json.NewDecoder(bufio.NewReader(file)); ; {
		var op Op
		if err := d.Decode(&op); err == io.EOF {
			return ops, nil
		} else if err != nil {
			return nil, fmt.Errorf("operation %d of %s: %w", len(ops)+1, path, err)
		}
		ops = append(ops, op)
	}
}
