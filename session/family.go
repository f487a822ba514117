package session

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// family is what managers derived from one another have in common in one realm: they extend the life of the same rows.
type family struct {
	longest atomic.Int64 // of their idle timeouts: what an access extends a row by
	step    atomic.Int64 // the shortest of their touch steps
	mixed   atomic.Bool  // their idle timeouts differ
}

// admit takes a manager into the family of its realm. Two realms cannot share a cookie or header: each would take the
// other's token for one that opens nothing, and overwrite it.
func (s *shared) admit(m *Manager) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	carrier := "cookie " + m.config.Cookie.Name
	if m.config.Header != "" {
		carrier = "header " + m.config.Header
	}
	if realm, taken := s.carriers[carrier]; taken && realm != m.realm {
		return fmt.Errorf("session: configuration: the realms %q and %q have one %s: give each a name of its own", realm, m.realm, carrier)
	}
	s.carriers[carrier] = m.realm
	if s.families[m.realm] == nil {
		s.families[m.realm] = &family{}
	}
	m.family = s.families[m.realm]
	m.family.add(m.base)
	return nil
}

// add adds a manager's policy. shared.mu is held.
func (f *family) add(p store.Policy) {
	longest, step := time.Duration(f.longest.Load()), time.Duration(f.step.Load())
	f.mixed.Store(f.mixed.Load() || longest != 0 && longest != p.Idle)
	f.longest.Store(int64(max(longest, p.Idle)))
	if longest == 0 || p.Step < step {
		f.step.Store(int64(p.Step))
	}
}

// policy is what the manager's configuration says, beside those of its family. Accesses of all extend a row by the longest
// idle timeout, and the time of the last one decides if a shorter one has passed.
func (m *Manager) policy() store.Policy {
	p := m.base
	if !m.family.mixed.Load() {
		return p
	}
	p.RecordAccess = true
	p.Step = time.Duration(m.family.step.Load())
	if longest := time.Duration(m.family.longest.Load()); longest > p.Idle {
		p.IdleLimit, p.Idle = p.Idle, longest
	}
	return p
}
