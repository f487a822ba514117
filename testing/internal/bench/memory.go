package main

import (
	scsmem "github.com/alexedwards/scs/v2/memstore"
	"github.com/simples-go/sessions/session/memstore"
)

// openMemory compares the middleware alone.
func (o *options) openMemory() ([]*side, func(), error) {
	mine := ours("sessions", memstore.New(), 0, o.bytes)
	theirs := scsSide(scsmem.NewWithCleanupInterval(0), o.bytes)
	mine.load, theirs.load = nil, nil
	return []*side{mine, theirs}, func() {}, nil
}
