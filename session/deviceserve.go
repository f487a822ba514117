package session

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// The endpoints beneath DeviceBound.Path.
const (
	registerPath = "/register"
	refreshPath  = "/refresh"
)

// servesDevice reports whether the request is one of a browser's for binding.
func (m *Manager) servesDevice(r *http.Request) bool {
	path := m.config.DeviceBound.Path
	return path != "" && (r.URL.Path == path+registerPath || r.URL.Path == path+refreshPath)
}

// serveDevice answers registrations and refreshes. On these routes 401, 404, 409 and 429 would end the binding in the
// browser: a request that is refused gets 403 and, if a race may be the cause, a new challenge.
func (h *handling) serveDevice(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	switch {
	case r.Method != http.MethodPost:
		h.refuseDevice(w, r, r.Method, errNoResponse)
	case strings.HasSuffix(r.URL.Path, registerPath):
		h.register(w, r)
	default:
		h.refresh(w, r)
	}
}

// register binds the session to the key that the browser has made, if it is not bound yet.
func (h *handling) register(w http.ResponseWriter, r *http.Request) {
	jwt, err := parseJWT(r.Header.Get("Secure-Session-Response"))
	if err == nil {
		err = h.checkRegistration(jwt)
	}
	if err != nil {
		h.refuseDevice(w, r, "registration", err)
		return
	}
	public, err := jwt.public()
	if err == nil && !public.verify(jwt.signed, jwt.signature) {
		err = errors.New("a wrong signature")
	}
	if err != nil {
		h.refuseDevice(w, r, "registration", err)
		return
	}
	h.bind(w, newDeviceKey(public))
}

// checkRegistration checks that the session may be bound, and that the challenge is one of its own.
func (h *handling) checkRegistration(jwt *deviceJWT) error {
	s := &h.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended != nil || s.row.presence != stored:
		return errors.New("no session")
	case len(s.row.record.Device) > 0:
		return errors.New("the session is bound already")
	}
	t := s.row.token
	made, ok := unstamp(t[handleBytes:], purposeRegister, t.handle(), jwt.challenge)
	if !ok || s.storeNow().Sub(made) > h.m.config.DeviceBound.challengeLife() {
		return errors.New("a challenge of another session, or one that has expired")
	}
	return nil
}

// refresh gives a new proof to the browser that holds the key.
func (h *handling) refresh(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("Sec-Secure-Session-Id")
	s := &h.session
	s.mu.Lock()
	ended, presence := s.ended, s.row.presence
	raw, row := s.row.record.Device, Handle{}
	if s.row.token != nil {
		row = s.row.token.handle()
	}
	s.mu.Unlock()
	switch {
	case errors.Is(ended, ErrRotated):
		http.Error(w, "try again", http.StatusServiceUnavailable) // a parallel request brings the new token
		return
	case presence != stored, ended != nil, len(raw) == 0:
		h.endBinding(w, id)
		return
	case id != row.String():
		h.refuseDevice(w, r, "refresh", errors.New("another session's identifier"))
		return
	}
	device, err := decodeDevice(raw)
	if err == nil {
		err = h.checkRefresh(r, device, row)
	}
	if err != nil {
		if device != nil {
			challenge := stamped(device.mac, purposeChallenge, row, h.now())
			w.Header().Set("Secure-Session-Challenge", fmt.Sprintf(`"%s";id="%s"`, challenge, row))
		}
		h.refuseDevice(w, r, "refresh", err)
		return
	}
	h.bind(w, newDeviceKey(device.public))
}

// errNoResponse is the first half of a refresh: the browser has no challenge yet.
var errNoResponse = errors.New("no response to a challenge")

// checkRefresh verifies a browser's answer to a challenge. The MAC key changes with each success, so that an answer is
// accepted once; after an error a browser sends it again.
func (h *handling) checkRefresh(r *http.Request, device *deviceKey, row Handle) error {
	text := r.Header.Get("Secure-Session-Response")
	if text == "" {
		return errNoResponse
	}
	jwt, err := parseJWT(text)
	if err != nil {
		return err
	}
	if jwt.jwk != nil || jwt.alg != device.public.alg || !device.public.verify(jwt.signed, jwt.signature) {
		return errors.New("a key, an algorithm or a signature of another kind")
	}
	made, ok := unstamp(device.mac, purposeChallenge, row, jwt.challenge)
	if !ok || h.now().Sub(made) > h.m.config.DeviceBound.challengeLife() {
		return errors.New("a challenge that has been answered, or has expired")
	}
	return nil
}

// bind saves a device's key and answers with a proof.
func (h *handling) bind(w http.ResponseWriter, device *deviceKey) {
	s := &h.session
	raw := device.encode()
	s.mu.Lock()
	s.pending.newer.device = &raw
	row := s.row.token.handle()
	s.mu.Unlock()
	if _, err := h.save(false); err != nil {
		h.report(err)
		http.Error(w, "try again", http.StatusServiceUnavailable)
		return
	}
	w.Header().Add("Set-Cookie", h.m.proofLine(device, row, h.now()))
	answer := map[string]any{
		"session_identifier": row.String(),
		"refresh_url":        h.m.config.DeviceBound.Path + refreshPath,
		"scope":              map[string]any{"include_site": false},
		"credentials":        []any{map[string]any{"type": "cookie", "name": h.m.proofName(), "attributes": strings.TrimPrefix(h.m.attributes, "; ")}},
	}
	if initiators := h.m.config.DeviceBound.Initiators; len(initiators) > 0 {
		answer["allowed_refresh_initiators"] = initiators
	}
	h.answerDevice(w, answer)
}

// endBinding sends a browser whose session has ended the instruction to forget its key.
func (h *handling) endBinding(w http.ResponseWriter, id string) {
	handle, err := ParseHandle(id)
	if err != nil {
		http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
		return
	}
	h.answerDevice(w, map[string]any{"session_identifier": handle.String(), "continue": false})
}

func (h *handling) answerDevice(w http.ResponseWriter, body map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// refuseDevice answers 403. What was sent is not logged.
func (h *handling) refuseDevice(w http.ResponseWriter, r *http.Request, what string, err error) {
	h.session.noAccess()
	if err != errNoResponse {
		h.m.observe(r.Context(), OpUnproven, h.session.Handle(), h.session.knownOwner(), h.began, fmt.Errorf("%w: %w", ErrUnproven, err))
		h.m.config.Logger.InfoContext(r.Context(), "session: a device's "+what+" was refused", "session", &h.session, "error", err)
	}
	http.Error(w, http.StatusText(http.StatusForbidden), http.StatusForbidden)
}
