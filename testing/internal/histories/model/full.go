package model

import (
	"fmt"
	"strings"

	"github.com/simples-go/sessions/testing/internal/histories/history"
)

// Full says what a full disk has done to requests.
type Full struct {
	Times   int // that it was full
	Refused int // operations that were asked for meanwhile and answered with 503
	NoRoom  int // of them, those of which the answer says that there is no room
	Read    int // loads that were asked for and answered meanwhile
	Wrote   int // writes that were acknowledged afterwards
}

// Add adds what another history has.
func (f *Full) Add(more Full) {
	f.Times += more.Times
	f.Refused += more.Refused
	f.NoRoom += more.NoRoom
	f.Read += more.Read
	f.Wrote += more.Wrote
}

// String says it in a line.
func (f *Full) String() string {
	return fmt.Sprintf("the disk was full %d times: meanwhile %d operations were answered with 503, %d of them for want "+
		"of room, and %d loads well; %d writes were acknowledged afterwards", f.Times, f.Refused, f.NoRoom, f.Read, f.Wrote)
}

// DiskFull is why a database is away whose disk is full.
const DiskFull = "disk full"

func (f *Full) count(away, ops []history.Op) {
	for i := range away {
		if away[i].Why != DiskFull {
			continue
		}
		f.Times++
		for j := range ops {
			f.see(&away[i], &ops[j])
		}
	}
}

func (f *Full) see(full, op *history.Op) {
	switch during := op.Call >= full.Call && op.Call < full.Return; {
	case op.Kind == history.Socket || op.Kind == history.Cookie:
	case during && strings.HasPrefix(op.Why, "503: "):
		f.Refused++
		if strings.Contains(op.Why, "disk is full") || strings.Contains(op.Why, "No space left") {
			f.NoRoom++
		}
	case during && op.Kind == history.Load && op.Outcome == history.OK && op.Return < full.Return:
		f.Read++
	case op.Call > full.Return && op.Kind == history.Write && op.Outcome == history.OK:
		f.Wrote++
	}
}
