package session

import (
	"net/http"
	"time"
)

// proves reports whether one of the proofs that a request carries, of the first few, is one of the row's device and
// lasts. There are several if another host of the domain has planted one, or the cookie's Domain, Path or Partitioned
// has changed. Any may be the right one: nobody can make one for this row but this row. What a row holds in another
// form proves nothing.
func (m *Manager) proves(r *http.Request, device []byte, row Handle, now time.Time) bool {
	mac, err := macKey(device)
	if err != nil {
		return false
	}
	name, tried := m.proofName(), 0
	for _, line := range r.Header["Cookie"] {
		for proof, rest, ok := nextCookie(line, name); ok && tried < maxCandidates; proof, rest, ok = nextCookie(rest, name) {
			if until, ok := unstamp(mac, purposeProof, row, proof); ok && now.Before(until) {
				return true
			}
			tried++
		}
	}
	return false
}

// now estimates the store's clock, by which proofs and challenges end on every node alike.
func (h *handling) now() time.Time {
	h.session.mu.Lock()
	defer h.session.mu.Unlock()
	return h.session.storeNow()
}

// followsLink reports whether r follows a link on another site, with a session that lacks its proof. Browsers do not
// refresh the proof for those, and could not: they would not send the session's cookie, unless it has SameSite=None.
func (x *Exchange) followsLink(r *http.Request) bool {
	return r.Method == http.MethodGet && r.Header.Get("Sec-Fetch-Site") == "cross-site" &&
		r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document" &&
		x.session.Err() == errUnproven
}

// loadAgain has the browser request the same page again, now from this site: with a proof.
func loadAgain(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Refresh", "0")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(http.StatusOK)
}
