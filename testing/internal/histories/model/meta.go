// Package model decides whether a history can be: whether one order of its operations, each at one instant between its
// call and its return, explains all answers. It knows the promises, and nothing of the code that is to keep them.
package model

import (
	"encoding/json"
	"os"
	"time"
)

// Meta is what a checker has to know of a trial besides its history.
type Meta struct {
	Backend   string
	Seed      uint64
	Faults    []string
	Grace     time.Duration // for which an old token has to be told of its rotation
	OwnerMax  int
	EndOldest bool
	Tell      time.Duration // within which a socket has to hear of its session's end; 0: not checked
	Soon      time.Duration // within which each node has to write after a failover; default 5 s
	Steps     bool          // the database's clock is stepped, by up to largestStep
	Effort    time.Duration // for one session; default 5 s
}

// WriteFile writes m beside a history.
func (m *Meta) WriteFile(path string) error {
	text, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// ReadMeta reads what WriteFile has written.
func ReadMeta(path string) (m Meta, err error) {
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	return m, err
}
