package session

import (
	"net/http"
	"time"
)

// proofOf returns the proof that a request carries, "" if none. Of several the first counts: only one that this session's
// row has made is right.
func (m *Manager) proofOf(r *http.Request) string {
	if m.config.DeviceBound.Path == "" {
		return ""
	}
	cookie, err := r.Cookie(m.proofName())
	if err != nil {
		return ""
	}
	return cookie.Value
}

// now estimates the store's clock, by which proofs and challenges end on every node alike.
func (h *handling) now() time.Time {
	h.session.mu.Lock()
	defer h.session.mu.Unlock()
	return h.session.storeNow()
}
