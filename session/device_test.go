package session_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

const deviceURL = "https://app.example.com/device"

// device is a browser that knows device-bound sessions.
type device struct {
	*browser
	key *ecdsa.PrivateKey
	id  string // the session's identifier
}

func deviceSite(t testing.TB) *site {
	return newSite(t, func(c *session.Config) { c.DeviceBound.Path = "/device" })
}

func newDevice(s *site) *device {
	s.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.ok(err)
	return &device{browser: s.browser(), key: key}
}

func encoded(v any) string {
	raw, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// sign makes the proof of a challenge.
func (d *device) sign(header map[string]any, challenge string) string {
	text := encoded(header) + "." + encoded(map[string]any{"jti": challenge})
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, d.key, digest[:])
	d.ok(err)
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (d *device) jwk() map[string]any {
	raw, err := d.key.PublicKey.Bytes()
	d.ok(err)
	b64 := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": b64(raw[1:33]), "y": b64(raw[33:])}
}

// post sends a request to an endpoint.
func (d *device) post(path string, header map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, deviceURL+path, nil).WithContext(d.t.Context())
	for name, value := range d.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	d.m.Handler(http.NotFoundHandler()).ServeHTTP(w, r)
	d.take(w.Result())
	return w
}

// logIn logs in, and registers if that is offered. It returns the challenge that came with the offer.
func (d *device) logIn() (challenge string) {
	d.t.Helper()
	w := d.use(func(s *session.Session) error { return s.Login("ann") })
	return challengeOf(w)
}

// challengeOf returns the challenge of the offer that a response brings, "" if it brings none.
func challengeOf(w *httptest.ResponseRecorder) string {
	_, challenge, _ := strings.Cut(w.Header().Get("Secure-Session-Registration"), `challenge="`)
	return strings.TrimSuffix(challenge, `"`)
}

func (d *device) register(challenge string) *httptest.ResponseRecorder {
	header := map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": d.jwk()}
	return d.post("/register", map[string]string{"Secure-Session-Response": d.sign(header, challenge)})
}

// challenge begins a refresh.
func (d *device) challenge() string {
	d.t.Helper()
	w := d.post("/refresh", map[string]string{"Sec-Secure-Session-Id": d.id})
	wantStatus(d.t, w, http.StatusForbidden)
	value := w.Header().Get("Secure-Session-Challenge")
	challenge, id, _ := strings.Cut(strings.TrimPrefix(value, `"`), `";id="`)
	if strings.TrimSuffix(id, `"`) != d.id {
		d.t.Errorf("a challenge for %q", id)
	}
	return challenge
}

func (d *device) answer(proof string) *httptest.ResponseRecorder {
	return d.post("/refresh", map[string]string{"Sec-Secure-Session-Id": d.id, "Secure-Session-Response": proof})
}

func (d *device) refresh() *httptest.ResponseRecorder {
	d.t.Helper()
	return d.answer(d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}, d.challenge()))
}

// bound returns a device whose session is bound.
func bound(t testing.TB, s *site) *device {
	t.Helper()
	d := newDevice(s)
	w := d.register(d.logIn())
	wantStatus(t, w, http.StatusOK)
	var answer struct {
		Session string `json:"session_identifier"`
		Refresh string `json:"refresh_url"`
	}
	s.ok(json.Unmarshal(w.Body.Bytes(), &answer))
	d.id = answer.Session
	if answer.Refresh != "/device/refresh" || d.cookies[hostCookie+"-proof"] == "" {
		t.Fatalf("answer %s, cookies %v", w.Body, d.cookies)
	}
	return d
}

// opened is the session, as a connection beside the browser's requests has it.
func (d *device) opened() *session.Session {
	d.t.Helper()
	of, err := d.m.Open(d.t.Context(), d.token())
	d.ok(err)
	return of
}

// owner visits and returns whose session the handler sees.
func (d *device) owner() (owner string, err error) {
	d.visit(func(_ http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		owner, err = s.Owner(), s.Err()
	})
	return owner, err
}

// thief copies the browser's cookies.
func (d *device) thief() *device {
	copied := d.site.browser()
	for name, value := range d.cookies {
		copied.cookies[name] = value
	}
	return &device{browser: copied, key: newDevice(d.site).key, id: d.id}
}

// A copied cookie opens nothing once its proof has ended, and at once if the browser has renewed it.
func TestACopiedCookie(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	thief := d.thief()
	if owner, err := thief.owner(); owner != "ann" || err != nil {
		t.Errorf("within the proof's life: %q, %v", owner, err)
	}
	wantStatus(t, d.refresh(), http.StatusOK)
	if owner, err := thief.owner(); owner != "" || !errors.Is(err, session.ErrUnproven) || !errors.Is(err, session.ErrGone) {
		t.Errorf("after the refresh: %q, %v", owner, err)
	}
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("the browser itself: %q, %v", owner, err)
	}
	thief = d.thief()
	s.store.Advance(10 * time.Minute)
	if owner, err := thief.owner(); owner != "" || !errors.Is(err, session.ErrUnproven) {
		t.Errorf("after ten minutes: %q, %v", owner, err)
	}
	if w := thief.refresh(); w.Code != http.StatusForbidden {
		t.Errorf("the thief refreshes: %d", w.Code)
	}
	wantStatus(t, d.refresh(), http.StatusOK)
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("after the refresh: %q, %v", owner, err)
	}
}

// The check costs no statement, and a session that was never bound is what it always was.
func TestStatementsOfABoundRequest(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	s.store.taken()
	d.use(reading)
	wantEvents(t, s.store, "load")
	unbound := s.browser(s.stored("a"))
	wantKeys(t, unbound.keys(), "a")
	wantEvents(t, s.store, "load")
}

// An unproven request of a browser whose binding has ended may log in, with a new session.
func TestLoginWithoutAProof(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	delete(d.cookies, hostCookie+"-proof")
	d.use(func(of *session.Session) error { return of.Login("ann") })
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("%q, %v", owner, err)
	}
}

// A login that keeps something first, while the browser is elsewhere, begins with Rotate.
func TestALoginInTwoStepsWithoutAProof(t *testing.T) {
	s := deviceSite(t)
	for name, begin := range map[string]func(*session.Session) error{"Rotate": (*session.Session).Rotate, "Renew": (*session.Session).Renew} {
		d := bound(t, s)
		delete(d.cookies, proofCookie)
		before, id := d.token(), d.id
		d.use(func(of *session.Session) error { return errors.Join(begin(of), of.Set("attempt", 1)) })
		wantKeys(t, d.keys(), "attempt")
		d.use(func(of *session.Session) error { return of.Login("ann") })
		if owner, err := d.owner(); owner != "ann" || err != nil || d.opened().Handle().String() == id {
			t.Errorf("%s: %q, %v", name, owner, err)
		}
		if of, err := s.m.Open(t.Context(), before); err != nil || of.Has("attempt") {
			t.Errorf("%s: the bound session: %v", name, err)
		}
	}
}

func TestServedUnproven(t *testing.T) {
	s := newSite(t, func(c *session.Config) { c.DeviceBound = session.DeviceBound{Path: "/device", AllowUnproven: true} })
	d := bound(t, s)
	for _, proven := range []bool{true, false} {
		d.use(func(of *session.Session) error {
			if of.Owner() != "ann" || of.DeviceProven() != proven || !of.DeviceIsBound() {
				t.Errorf("owner %q, proven %v, bound %v", of.Owner(), of.DeviceProven(), of.DeviceIsBound())
			}
			return nil
		})
		delete(d.cookies, hostCookie+"-proof")
	}
}

// The binding outlives a rotation, and ends with the session.
func TestBindingFollowsTheSession(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	d.use(generate)
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("after a rotation: %q, %v", owner, err)
	}
	wantStatus(t, d.refresh(), http.StatusOK)
	for name, end := range map[string]func(*device) error{
		"destroyed": func(d *device) error {
			d.use(func(of *session.Session) error { return of.Destroy(d.t.Context()) })
			return nil
		},
		"revoked": func(d *device) error { _, err := s.m.RevokeOwner(t.Context(), "ann", session.Handle{}); return err },
	} {
		d := bound(t, s)
		s.ok(end(d))
		if name == "destroyed" && len(d.cookies) != 0 {
			t.Errorf("cookies are left: %d", len(d.cookies))
		}
		w := d.post("/refresh", map[string]string{"Sec-Secure-Session-Id": d.id})
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"continue":false`) {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

// What is no proof is refused with 403, and logs nobody out.
func TestAttacksOnRefresh(t *testing.T) {
	s := deviceSite(t)
	d, other := bound(t, s), bound(t, s)
	mac := func(text string, key []byte) string {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(text))
		return text + "." + base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(&d.key.PublicKey)
	s.ok(err)
	plain := map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}
	for name, proof := range map[string]func(challenge string) string{
		"another key":   func(c string) string { return newDevice(s).sign(plain, c) },
		"another's key": func(c string) string { return other.sign(plain, c) },
		"alg none": func(c string) string {
			return encoded(map[string]any{"alg": "none", "typ": "dbsc+jwt"}) + "." + encoded(map[string]any{"jti": c}) + "."
		},
		"HS256, public key": func(c string) string {
			return mac(encoded(map[string]any{"alg": "HS256", "typ": "dbsc+jwt"})+"."+encoded(map[string]any{"jti": c}), der)
		},
		"RS256 for an EC": func(c string) string { return d.sign(map[string]any{"alg": "RS256", "typ": "dbsc+jwt"}, c) },
		"another type":    func(c string) string { return d.sign(map[string]any{"alg": "ES256", "typ": "JWT"}, c) },
		"with a jwk": func(c string) string {
			return d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": d.jwk()}, c)
		},
		"no challenge":       func(string) string { return d.sign(plain, "") },
		"another challenge":  func(string) string { return d.sign(plain, other.challenge()) },
		"a cut signature":    func(c string) string { p := d.sign(plain, c); return p[:len(p)-4] },
		"line breaks":        func(string) string { return d.sign(plain, strings.Repeat("\n", 54)) },
		"40 kB":              func(c string) string { return d.sign(plain, c+strings.Repeat("x", 40_000)) },
		"garbage":            func(string) string { return "..\x00.{}" },
		"a proof as a proof": func(string) string { return d.cookies[hostCookie+"-proof"] },
	} {
		w := d.answer(proof(d.challenge()))
		if w.Code != http.StatusForbidden || w.Header().Get("Secure-Session-Challenge") == "" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: status %d, header %v", name, w.Code, w.Header())
		}
	}
	proof := d.sign(plain, d.challenge())
	wantStatus(t, d.answer(proof), http.StatusOK)
	if w := d.answer(proof); w.Code != http.StatusForbidden || w.Header().Get("Secure-Session-Challenge") == "" {
		t.Errorf("a replay: %d", w.Code)
	}
	stale := d.challenge()
	s.store.Advance(30 * time.Minute)
	wantStatus(t, d.answer(d.sign(plain, stale)), http.StatusOK) // a challenge outlives a proof
	id := d.id
	d.id = other.id
	if w := d.answer(d.sign(plain, "")); w.Code != http.StatusForbidden {
		t.Errorf("another session's identifier: %d", w.Code)
	}
	d.id = id
	stranger := newDevice(s)
	for _, strange := range []string{d.id, "nonsense", ""} {
		stranger.id = strange
		if w := stranger.post("/refresh", map[string]string{"Sec-Secure-Session-Id": strange}); w.Code == http.StatusOK && w.Header().Get("Set-Cookie") != "" {
			t.Errorf("a stranger with %q gets a cookie", strange)
		}
	}
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("the browser is logged out: %q, %v", owner, err)
	}
	if log := s.log.String(); strings.Contains(log, proof[:40]) {
		t.Error("a proof stands in the log")
	}
}

func TestAttacksOnRegistration(t *testing.T) {
	s := deviceSite(t)
	d := newDevice(s)
	challenge := d.logIn()
	other := newDevice(s)
	foreign := other.logIn()
	plain := map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}
	for name, proof := range map[string]string{
		"a foreign challenge": d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": d.jwk()}, foreign),
		"another's key":       d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": other.jwk()}, challenge),
		"no key":              d.sign(plain, challenge),
		"a key off the curve": d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": strings.Repeat("A", 43), "y": strings.Repeat("A", 43)}}, challenge),
		"nothing":             "",
	} {
		if w := d.post("/register", map[string]string{"Secure-Session-Response": proof}); w.Code != http.StatusForbidden {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	wantStatus(t, d.register(challenge), http.StatusOK)
	thief := d.thief()
	wantStatus(t, thief.register(challenge), http.StatusForbidden) // bound already
	if w := s.browser().visit(func(http.ResponseWriter, *http.Request) {}); w.Header().Get("Secure-Session-Registration") != "" {
		t.Error("a visitor is offered a registration")
	}
}

// A database that is down answers 503 to a refresh, which keeps the binding; the browser's answer is good still.
func TestRefreshWhileTheStoreIsDown(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	proof := d.sign(map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}, d.challenge())
	for _, op := range []string{"load", "save"} {
		s.store.failBefore(errDown, op)
		wantStatus(t, d.answer(proof), http.StatusServiceUnavailable)
	}
	s.store.failBefore(nil)
	wantStatus(t, d.answer(proof), http.StatusOK)
}

// Of registrations that run beside one another one wins, and its device alone refreshes the proof.
func TestRegistrationsBesideOneAnother(t *testing.T) {
	s := deviceSite(t)
	d := newDevice(s)
	challenge := d.logIn()
	first := d.thief()
	s.store.beforeNext("save", func() { wantStatus(t, first.register(challenge), http.StatusOK) })
	wantStatus(t, d.register(challenge), http.StatusForbidden)
	if d.cookies[proofCookie] != "" {
		t.Error("the loser has a proof")
	}
	first.id = d.opened().Handle().String()
	wantStatus(t, first.refresh(), http.StatusOK)
	if owner, err := first.owner(); owner != "ann" || err != nil {
		t.Errorf("the winner: %q, %v", owner, err)
	}
}

// An answer to a challenge that is sent twice at the same time brings one proof, and the other request a new challenge.
func TestRefreshesBesideOneAnother(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	plain := map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}
	proof, before := d.sign(plain, d.challenge()), d.thief()
	s.store.beforeNext("save", func() { wantStatus(t, d.answer(proof), http.StatusOK) })
	w := before.answer(proof)
	wantStatus(t, w, http.StatusForbidden)
	if w.Header().Get("Set-Cookie") != "" {
		t.Error("the loser has a proof")
	}
	wantStatus(t, d.answer(d.sign(plain, refused(w))), http.StatusOK)
	if owner, err := d.owner(); owner != "ann" || err != nil {
		t.Errorf("%q, %v", owner, err)
	}
}

// refused returns the challenge of a refresh that is refused.
func refused(w *httptest.ResponseRecorder) string {
	challenge, _, _ := strings.Cut(strings.TrimPrefix(w.Header().Get("Secure-Session-Challenge"), `"`), `"`)
	return challenge
}

// Saves of the session beside a refresh do not hinder it, unless there is no end of them.
func TestRefreshBesideSaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := deviceSite(t)
		d := bound(t, s)
		other := d.opened()
		s.ok(other.Set("k", 1))
		s.store.beforeNext("save", func() { s.ok(other.Save(t.Context())) })
		wantStatus(t, d.refresh(), http.StatusOK)
		wantKeys(t, d.keys(), "k")
		s.store.failBefore(store.ErrConflict, "save")
		s.store.taken()
		w := d.refresh()
		wantStatus(t, w, http.StatusForbidden)
		if events := s.store.taken(); len(events) > 20 || refused(w) == "" {
			t.Errorf("%d statements, challenge %q", len(events), refused(w))
		}
		s.store.failBefore(nil)
		wantStatus(t, d.refresh(), http.StatusOK)
		s.ok(s.m.Shutdown(t.Context()))
	})
}

// A refresh that comes with the token from before a rotation has the browser sign again, with the new one.
func TestRefreshBesideARotation(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	plain := map[string]any{"alg": "ES256", "typ": "dbsc+jwt"}
	proof, before := d.sign(plain, d.challenge()), d.thief()
	d.use(generate)
	for name, text := range map[string]string{"the first half": "", "the second half": proof} {
		w := before.answer(text)
		if w.Code != http.StatusForbidden || refused(w) == "" || !strings.HasSuffix(w.Header().Get("Secure-Session-Challenge"), `;id="`+d.id+`"`) {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		again := d.answer(d.sign(plain, refused(w)))
		wantStatus(t, again, http.StatusForbidden)
		wantStatus(t, d.answer(d.sign(plain, refused(again))), http.StatusOK)
	}
	d.use(generate)
	rotating := d.opened()
	s.ok(rotating.Rotate())
	proof = d.sign(plain, d.challenge())
	s.store.beforeNext("save", func() { s.ok(rotating.Save(t.Context())) })
	w := d.answer(proof) // the rotation comes between its two statements
	wantStatus(t, w, http.StatusForbidden)
	d.cookies[hostCookie] = rotating.ID().Reveal()
	wantStatus(t, d.answer(d.sign(plain, refused(w))), http.StatusOK)
}

func TestDeviceBoundConfiguration(t *testing.T) {
	for name, change := range map[string]func(*session.Config){
		"plain HTTP":   func(c *session.Config) { c.Cookie.InsecureHTTP = true },
		"header":       func(c *session.Config) { c.Header = "X-Session" },
		"short":        func(c *session.Config) { c.DeviceBound.Lifetime = time.Minute },
		"initiators":   func(c *session.Config) { c.DeviceBound.Initiators = []string{"*"} }, // SameSite is Lax
		"no path":      func(c *session.Config) { c.DeviceBound.Path = "device" },
		"odd path":     func(c *session.Config) { c.DeviceBound.Path = `/a"b` },
		"path outside": func(c *session.Config) { c.Cookie.Name, c.Cookie.Path = "__Secure-s", "/app" },
	} {
		config := session.Config{DeviceBound: session.DeviceBound{Path: "/device"}}
		change(&config)
		if _, err := session.New(newSite(t).store, config); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// A page that is asked for by a link on another site comes without a proof, which browsers do not renew for those: they are
// told to load it again, and the handler does not run. It runs for all that is no page, and for a request from here.
func TestALinkOnAnotherSite(t *testing.T) {
	s := deviceSite(t)
	d := bound(t, s)
	link := map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
	if _, ran := d.asks(link); !ran {
		t.Error("with a proof, the handler does not run")
	}
	delete(d.cookies, hostCookie+"-proof")
	w, ran := d.asks(link)
	if ran || w.Code != http.StatusOK || w.Header().Get("Refresh") != "0" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a link: the handler ran: %t; %d %v", ran, w.Code, w.Header())
	}
	if lines := w.Header()["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("a link sets %q", lines)
	}
	for name, other := range map[string]string{"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "iframe"} {
		changed := maps.Clone(link)
		changed[name] = other
		if w, ran := d.asks(changed); !ran || w.Header().Get("Refresh") != "" {
			t.Errorf("%s: %s is told to load again", name, other)
		}
	}
}

// asks sends a request for a page with a header, and reports whether the handler ran.
func (d *device) asks(header map[string]string) (w *httptest.ResponseRecorder, ran bool) {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/page", nil).WithContext(d.t.Context())
	for name, value := range d.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w = httptest.NewRecorder()
	d.m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran = true })).ServeHTTP(w, r)
	return w, ran
}
