package main

import (
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/simples-go/sessions/session"
)

// openMemory compares the middleware alone.
func (o *options) openMemory() ([]*side, func(), error) {
	mine := ours("sessions", session.NewMemoryStore(), o.bytes)
	theirs := scsSide(memstore.NewWithCleanupInterval(0), o.bytes)
	mine.load, theirs.load = nil, nil
	return []*side{mine, theirs}, func() {}, nil
}
