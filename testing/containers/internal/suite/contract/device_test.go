package contract_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/testing/containers"
	"github.com/simples-go/sessions/testing/containers/internal/pgstore"
)

// device is a browser that can bind its session to itself.
type device struct {
	t       *testing.T
	site    http.Handler
	cookies map[string]string
}

// send sends a request, and keeps the cookies of the answer.
func (d *device) send(method, path, proof string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example.com"+path, nil).WithContext(d.t.Context())
	for name, value := range d.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	if proof != "" {
		r.Header.Set("Secure-Session-Response", proof)
	}
	w := httptest.NewRecorder()
	d.site.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		d.t.Errorf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		d.cookies[c.Name] = c.Value
	}
	return w
}

// logIn returns the challenge of the registration that is offered.
func (d *device) logIn() string {
	offer := d.send(http.MethodPost, "/login", "").Header().Get("Secure-Session-Registration")
	_, challenge, _ := strings.Cut(offer, `challenge="`)
	return strings.TrimSuffix(challenge, `"`)
}

// register binds the session, by a JWS as RFC 7515 has it.
func (d *device) register(challenge string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		d.t.Fatal(err)
	}
	b64 := base64.RawURLEncoding.EncodeToString
	jwk := map[string]string{"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
	header, _ := json.Marshal(map[string]any{"alg": "ES256", "typ": "dbsc+jwt", "jwk": jwk})
	payload, _ := json.Marshal(map[string]string{"jti": challenge})
	text := b64(header) + "." + b64(payload)
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		d.t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	d.send(http.MethodPost, "/device/register", text+"."+b64(signature))
}

// A request of a session that is bound to a device costs the one statement that any other costs, and so does one whose proof
// is missing.
func TestStatementsOfABoundRequest(t *testing.T) {
	tracer := &pgstore.Tracer{}
	pool := pgstore.TracedPool(t, containers.Postgres(t).URL, tracer)
	m, err := session.New(pgstore.New(t, pool), session.Config{
		DeviceBound: session.DeviceBound{Path: "/device"}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	var owner string
	d := &device{t, m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		if r.URL.Path == "/login" && s.Login("ann") != nil {
			t.Error("no login")
		}
		owner = s.Owner()
	})), map[string]string{}}
	challenge := d.logIn()
	costs := func(whose string) {
		t.Helper()
		d.send(http.MethodGet, "/", "") // the store may have to learn of the table
		tracer.Take()
		tracer.Sent()
		d.send(http.MethodGet, "/", "")
		sent := tracer.Take()
		if n := tracer.Sent(); n != 1 || owner != whose {
			t.Errorf("the session of %q: %d statements, of which %v", owner, n, sent)
		}
	}
	costs("ann")
	d.register(challenge)
	if len(d.cookies) != 2 {
		t.Fatalf("%d cookies: the session is not bound", len(d.cookies))
	}
	costs("ann")
	for name := range d.cookies {
		if strings.HasSuffix(name, "-proof") {
			delete(d.cookies, name)
		}
	}
	costs("")
}
