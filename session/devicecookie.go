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

// followsLink reports whether r follows a link on another site, with a session that lacks its proof. Browsers do not
// refresh the proof for those, and could not: they would not send the session's cookie, unless it has SameSite=None.
func (h *handling) followsLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		h.session.Err() == errUnproven
}

// loadAgain has the browser request the same page again, now from this site: with a proof.
func loadAgain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Refresh", "0")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusOK)
}
