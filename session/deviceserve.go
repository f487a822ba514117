package session

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/simples-go/sessions/session/store"
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
	text := r.Header.Get("Secure-Session-Response")
	device, err := h.bind(func() (*deviceKey, error) { return h.checkRegistration(text) })
	switch {
	case err == nil:
		h.answerBound(w, device)
	case refuses(err):
		h.refuseDevice(w, r, "registration", err)
	default:
		h.tryAgain(w, err)
	}
}

// checkRegistration returns the device of a browser's answer to an offer.
func (h *handling) checkRegistration(text string) (*deviceKey, error) {
	jwt, err := parseJWT(text)
	if err == nil {
		err = h.mayBind(jwt.challenge)
	}
	var public publicKey
	if err == nil {
		public, err = jwt.ownKey()
	}
	if err != nil {
		return nil, &badProof{err}
	}
	return newDeviceKey(public), nil
}

// mayBind checks that the session may be bound, and that the challenge is one of its own.
func (h *handling) mayBind(challenge string) error {
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
	made, ok := unstamp(t[handleBytes:], purposeRegister, t.handle(), challenge)
	if !ok || s.storeNow().Sub(made) > h.m.config.DeviceBound.challengeLife() {
		return errors.New("a challenge of another session, or one that has expired")
	}
	return nil
}

// refresh gives a new proof to the browser that holds the key.
func (h *handling) refresh(w http.ResponseWriter, r *http.Request) {
	id, text := r.Header.Get("Sec-Secure-Session-Id"), r.Header.Get("Secure-Session-Response")
	device, err := h.bind(func() (*deviceKey, error) { return h.checkRefresh(id, text) })
	switch {
	case err == nil:
		h.answerBound(w, device)
	case err == errOtherSession:
		h.refuseDevice(w, r, "refresh", err)
	case refuses(err), errors.Is(err, ErrRotated): // another request brings the new token, and the browser signs again
		w.Header().Set("Secure-Session-Challenge", fmt.Sprintf(`"%s";id="%s"`, h.challenge(), h.session.Handle()))
		h.refuseDevice(w, r, "refresh", err)
	case errors.Is(err, ErrGone):
		h.endBinding(w, id)
	default:
		h.tryAgain(w, err)
	}
}

// badProof is an error of what a browser has sent.
type badProof struct{ error }

var (
	// errNoResponse is the first half of a refresh: the browser has no challenge yet.
	errNoResponse = &badProof{errors.New("no response to a challenge")}

	errOtherSession = &badProof{errors.New("another session's identifier")}
)

// refuses reports whether an error is answered 403: one of what was sent, or of a race that has been lost again and
// again.
func refuses(err error) bool {
	return errors.As(err, new(*badProof)) || errors.Is(err, store.ErrConflict)
}

// checkRefresh verifies a browser's answer to a challenge, and returns the device with a new MAC key. That changes with
// each success, so that an answer is accepted once; after an error a browser sends it again.
func (h *handling) checkRefresh(id, text string) (*deviceKey, error) {
	raw, row, err := h.boundRow(id)
	if err != nil {
		return nil, err
	}
	device, err := decodeDevice(raw)
	if err != nil {
		return nil, &badProof{err}
	}
	if text == "" {
		return nil, errNoResponse
	}
	jwt, err := parseJWT(text)
	if err != nil {
		return nil, &badProof{err}
	}
	if jwt.jwk != nil || jwt.alg != device.public.alg || !device.public.verify(jwt.signed, jwt.signature) {
		return nil, &badProof{errors.New("a key, an algorithm or a signature of another kind")}
	}
	made, ok := unstamp(device.mac, purposeChallenge, row, jwt.challenge)
	if !ok || h.now().Sub(made) > h.m.config.DeviceBound.challengeLife() {
		return nil, &badProof{errors.New("a challenge that has been answered, or has expired")}
	}
	return newDeviceKey(device.public), nil
}

// boundRow returns what the row holds of its device. ErrGone is returned of a session that is not bound.
func (h *handling) boundRow(id string) (raw []byte, row Handle, err error) {
	s := &h.session
	s.mu.Lock()
	defer s.mu.Unlock()
	bound := s.row.presence == stored && len(s.row.record.Device) > 0
	rotated := errors.Is(s.ended, ErrRotated)
	if !rotated && (s.ended != nil || !bound) {
		return nil, row, ErrGone
	}
	if row = s.row.token.handle(); id != row.String() {
		return nil, row, errOtherSession
	}
	return s.row.record.Device, row, s.ended
}

// challenge returns one for the device of the row, or any if that is not known.
func (h *handling) challenge() string {
	s := &h.session
	s.mu.Lock()
	defer s.mu.Unlock()
	mac, err := macKey(s.row.record.Device)
	if err != nil {
		return rand.Text()
	}
	return stamped(mac, purposeChallenge, s.row.token.handle(), s.storeNow())
}

// bindAttempts is how often the key of a device is saved beside other saves of the session.
const bindAttempts = 8

// bind saves the key that check returns, unless the row has been saved since it was read. Of parallel registrations and
// of parallel refreshes one wins, and the others are checked against what it has made of the row. An error leaves
// nothing pending.
func (h *handling) bind(check func() (*deviceKey, error)) (device *deviceKey, err error) {
	defer func() {
		if err != nil {
			h.session.drop()
		}
	}()
	for attempt := 1; ; attempt++ {
		if device, err = check(); err != nil {
			return nil, err
		}
		err = h.saveDevice(device)
		if attempt == bindAttempts || !errors.Is(err, store.ErrConflict) {
			return device, err
		}
		ctx := h.m.detach(h.ctx)
		if err := pause(ctx, attempt); err != nil {
			return nil, err
		}
		if err := h.session.Load(ctx); err != nil {
			return nil, err
		}
	}
}

func (h *handling) saveDevice(device *deviceKey) error {
	s := &h.session
	s.mu.Lock()
	s.bindTo(device.encode())
	s.mu.Unlock()
	_, err := h.save(false)
	return err
}

// answerBound answers with a proof.
func (h *handling) answerBound(w http.ResponseWriter, device *deviceKey) {
	row := h.session.Handle()
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

// tryAgain answers that the store has failed, which keeps the binding.
func (h *handling) tryAgain(w http.ResponseWriter, err error) {
	h.report(err)
	http.Error(w, "try again", http.StatusServiceUnavailable)
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
