package session

import "time"

// CreatedAt returns when the session began, or was last renewed, by the store's clock. It returns the zero time for a
// session that has no row yet.
func (s *Session) CreatedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.CreatedAt
}
