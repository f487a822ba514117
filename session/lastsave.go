package session

import (
	"context"
	"errors"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// lastSave is the save at the end of a socket, which is tried again for a while. An attempt that seems to have failed
// may have taken effect, and others may have saved since: every further attempt depends on the row's version.
type lastSave struct {
	h            *handling
	versionKnown bool
	undecided    bool  // an attempt has ended whose outcome is unknown
	base         int64 // the row's version before the attempts, as far as it is known that they have not raised it
}

// run saves what is pending, and tries again until the limit.
func (l *lastSave) run(limit time.Time) error {
	for attempt := 4; ; attempt++ {
		err := l.attempt()
		if err == nil || !l.mayTryAgain(err) || !time.Now().Before(limit) ||
			pause(context.WithoutCancel(l.h.ctx), attempt) != nil {
			return err
		}
	}
}

func (l *lastSave) attempt() error {
	if err := l.readVersion(); err != nil {
		return err
	}
	_, err := l.h.save(false)
	l.undecided = l.undecided || err != nil && !nothingWritten(err)
	return err
}

// mayTryAgain reports whether another attempt may succeed. One that has met another version than it had seen looks again.
func (l *lastSave) mayTryAgain(err error) bool {
	return !errors.Is(err, errOvertaken) && (!nothingWritten(err) || errors.Is(err, store.ErrConflict))
}

// errOvertaken is the error of a last save that may have taken effect before others saved the same session.
var errOvertaken = errors.New("session: others have saved since an attempt that may have taken effect: it is not repeated")

// readVersion learns the row's version before the first attempt, and after one whose outcome is unknown whether it has taken
// effect.
func (l *lastSave) readVersion() error {
	s := &l.h.session
	if l.versionKnown && !l.undecided || !s.isStored() {
		return nil
	}
	ctx := l.h.manager().detach(l.h.ctx)
	if err := s.Load(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.undecided {
		if err := s.resume(l.base); err != nil {
			return err
		}
	}
	l.versionKnown, l.base = true, s.row.record.Version
	return nil
}

func (s *Session) isStored() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.presence == stored
}
