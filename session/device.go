package session

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// DeviceBound binds sessions to the device of the browser that has logged in, by Device Bound Session Credentials (W3C
// draft webappsec-dbsc): the browser proves every few minutes that it holds a key which cannot be copied, and a session's
// cookie opens nothing without a fresh proof. Browsers that do not know this notice nothing, and their sessions stay as
// they are.
//
// A session is bound when it gets an owner, or by [Session.BindDevice]. From then on every request needs the proof, a
// WebSocket handshake included; without it the session has ended with ErrUnproven for that request, and Login, Renew or
// Rotate begins a new one. Tokens in a Header, and those given to Manager.Open and Begin, need none.
type DeviceBound struct {
	// Path is where the middleware serves registration and refresh, beneath it; "" switches binding off. It has to lie
	// within Cookie.Path. Of managers within one another the outermost serves it and offers binding, and each has its
	// AllowUnproven.
	Path string

	// Lifetime is how long a proof lasts, and how long copied cookies may open the session. Default 10 minutes, at least 5:
	// Chromium renews a proof with less than two minutes left at every request.
	Lifetime time.Duration

	// AllowUnproven serves requests that lack the proof, for a team that begins with watching: see [Session.DeviceProven].
	AllowUnproven bool

	// Initiators are the sites whose requests may make a browser refresh the proof first, "*" for all. They need
	// SameSite=None: without it the refresh would lack the session's cookie, and end the binding. Default none. A link on
	// another site works without them: the page is loaded a second time, from here, if the proof has ended.
	Initiators []string
}

// ErrUnproven is returned for a session that is bound to a device, by a request without a fresh proof. It matches ErrGone.
var ErrUnproven error = &unproven{}

type unproven struct{}

func (*unproven) Error() string {
	return "session: bound to a device, and the request has no fresh proof of it"
}
func (*unproven) Is(target error) bool { return target == ErrGone }

func (d DeviceBound) withDefaults() DeviceBound {
	if d.Lifetime == 0 {
		d.Lifetime = 10 * time.Minute
	}
	return d
}

func (d *DeviceBound) validate(c *Config) error {
	switch {
	case d.Path == "":
		return nil
	case !strings.HasPrefix(d.Path, "/") || strings.ContainsAny(d.Path, "\"\\?#; ") || strings.HasSuffix(d.Path, "/"):
		return fmt.Errorf("DeviceBound.Path %q is not an absolute path without a trailing slash", d.Path)
	case !strings.HasPrefix(d.Path+"/", strings.TrimSuffix(c.Cookie.Path, "/")+"/"):
		return fmt.Errorf("DeviceBound.Path %q does not lie within Cookie.Path %q", d.Path, c.Cookie.Path)
	case d.Lifetime < 5*time.Minute || d.Lifetime > 24*time.Hour:
		return fmt.Errorf("DeviceBound.Lifetime %v is not between 5 minutes and a day", d.Lifetime)
	case c.Cookie.InsecureHTTP || c.Header != "":
		return errors.New("DeviceBound needs a Secure cookie: neither Cookie.InsecureHTTP nor Header")
	case len(d.Initiators) > 0 && c.Cookie.SameSite != http.SameSiteNoneMode:
		return errors.New("DeviceBound.Initiators needs Cookie.SameSite None")
	}
	return nil
}

// deviceKey is what a row holds of its device: a version, the MAC key of proofs and challenges, which is a new one after
// each refresh, and the public key. Without the cookie it proves nothing, and a copied cookie proves nothing without it.
type deviceKey struct {
	mac    []byte
	public publicKey
}

const (
	deviceVersion = 1
	macBytes      = 32
	stampBytes    = 8
)

func newDeviceKey(public publicKey) *deviceKey {
	d := &deviceKey{mac: make([]byte, macBytes), public: public}
	_, _ = rand.Read(d.mac)
	return d
}

func (d *deviceKey) encode() []byte {
	return append(append([]byte{deviceVersion, byte(d.public.alg)}, d.mac...), d.public.der...)
}

// decodeDevice reads what a row holds.
func decodeDevice(raw []byte) (*deviceKey, error) {
	mac, err := macKey(raw)
	if err != nil {
		return nil, err
	}
	public, err := parsePublic(algorithm(raw[1]), raw[2+macBytes:])
	return &deviceKey{mac: mac, public: public}, err
}

// macKey reads of it what every request needs. The public key, which takes longer, is for refreshes.
func macKey(raw []byte) ([]byte, error) {
	if len(raw) < 2+macBytes || raw[0] != deviceVersion {
		return nil, errors.New("session: a device's key of unknown form")
	}
	return raw[2 : 2+macBytes], nil
}

// stamped is a time with a MAC over its purpose, the row and itself.
func stamped(key []byte, purpose string, row Handle, at time.Time) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, stampMAC(key, purpose, row, b)...))
}

func stampMAC(key []byte, purpose string, row Handle, stamp []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write(row[:])
	mac.Write(stamp)
	return mac.Sum(nil)
}

// unstamp returns the time of a stamp with a right MAC.
func unstamp(key []byte, purpose string, row Handle, text string) (at time.Time, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(stampBytes+sha256.Size) {
		return at, false
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != stampBytes+sha256.Size { // the decoder skips line breaks
		return at, false
	}
	if !hmac.Equal(raw[stampBytes:], stampMAC(key, purpose, row, raw[:stampBytes])) {
		return at, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(raw)), 0), true
}

// The purposes of stamps.
const (
	purposeProof     = "proof"     // the bound cookie; until then
	purposeChallenge = "challenge" // of a refresh; made then
	purposeRegister  = "register"  // of a registration, with the token's secret as the key; made then
)

// challengeLife is how long a challenge is accepted: longer than a proof lasts, since browsers keep one for the next time.
func (d *DeviceBound) challengeLife() time.Duration { return d.Lifetime + time.Hour }

// proofName is the bound cookie's name.
func (m *Manager) proofName() string { return m.config.Cookie.Name + "-proof" }

// proofLine is the Set-Cookie header that brings a proof.
func (m *Manager) proofLine(d *deviceKey, row Handle, now time.Time) string {
	life := m.config.DeviceBound.Lifetime
	return fmt.Sprintf("%s=%s; Max-Age=%d%s", m.proofName(), stamped(d.mac, purposeProof, row, now.Add(life)), int(life.Seconds()), m.attributes)
}

// checkDevice withholds a session that is bound to a device from a request without a fresh proof, as m's configuration
// says: that of the exchange's manager, or of one within it. It stays withheld for the rest of the request, after the
// handler of the one within, too. It costs no statement.
func (x *Exchange) checkDevice(m *Manager, r *http.Request) {
	if m.config.DeviceBound.Path == "" {
		return
	}
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.row.record.Device) == 0 || s.ended != nil || s.proven {
		return
	}
	if m.proves(r, s.row.record.Device, s.row.token.handle(), s.storeNow()) {
		s.prove()
		return
	}
	if !x.suspect {
		x.suspect = true
		m.observe(x.ctx, OpUnproven, s.row.token.handle(), s.row.record.Owner, time.Now(), ErrUnproven)
	}
	if m.config.DeviceBound.AllowUnproven {
		return
	}
	s.withhold(errUnproven)
	if x.watch != nil {
		x.watch.cancel(errUnproven) // a socket whose handler is within
	}
}

// DeviceProven reports whether the session is bound to a device and the request has proved that it comes from there.
func (s *Session) DeviceProven() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.proven
}

// DeviceIsBound reports whether the session is bound to a device.
func (s *Session) DeviceIsBound() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.row.record.Device) > 0 && !s.withheld()
}

// BindDevice offers the browser to bind the session to its device, with this response. A session that gets an owner is
// offered that by itself. It returns ErrNoCookie after the response has begun.
func (s *Session) BindDevice() error {
	return s.changeWithCookie(func() error {
		s.offerBinding()
		return nil
	})
}

// registration is the header that offers to bind the session; "" if it is not to be offered.
func (x *Exchange) registration() string {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	path := x.m.config.DeviceBound.Path
	if path == "" || !s.offer || s.ended != nil || s.row.presence != stored || len(s.row.record.Device) > 0 {
		return ""
	}
	t := s.row.token
	challenge := stamped(t[handleBytes:], purposeRegister, t.handle(), s.storeNow())
	return fmt.Sprintf(`(ES256 RS256);path="%s%s";challenge="%s"`, path, registerPath, challenge)
}
