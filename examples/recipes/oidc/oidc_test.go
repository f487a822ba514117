package oidc

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

// fake is a provider that logs everybody in as ann. Its tokens are signed with a key that the client knows too.
type fake struct {
	t          *testing.T
	server     *httptest.Server
	codes      map[string]url.Values // the questions, by the codes that answer them
	formPost   bool
	wrongNonce bool
}

var key = []byte("shared with the client")

func newFake(t *testing.T) *fake {
	f := &fake{t: t, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /authorize", f.authorize)
	mux.HandleFunc("POST /token", f.token)
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

func (f *fake) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := fmt.Sprint("code", len(f.codes))
	f.codes[code] = q
	answer := url.Values{"code": {code}, "state": {q.Get("state")}}
	if f.formPost { // a page whose script posts it
		fmt.Fprint(w, answer.Encode())
		return
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	q, ok := f.codes[r.PostFormValue("code")]
	challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	proven := q.Get("code_challenge") == base64.RawURLEncoding.EncodeToString(challenge[:])
	if !ok || !proven || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "invalid_grant", http.StatusBadRequest)
		return
	}
	nonce := q.Get("nonce")
	if f.wrongNonce {
		nonce = "of somebody else"
	}
	token := f.sign(map[string]any{"nonce": nonce, "sid": "8f3a", "sub": "ann"})
	_ = json.NewEncoder(w).Encode(map[string]string{"id_token": token})
}

func (f *fake) sign(claims map[string]any) string {
	claims["iss"], claims["exp"] = f.server.URL, time.Now().Add(time.Minute).Unix()
	if claims["aud"] == nil {
		claims["aud"] = []string{"shop"}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(payload)
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func verify(token string) ([]byte, error) {
	first, second, _ := strings.Cut(token, ".")
	payload, _ := base64.RawURLEncoding.DecodeString(first)
	sum, _ := base64.RawURLEncoding.DecodeString(second)
	mac := hmac.New(sha256.New, key)
	mac.Write(payload)
	if !hmac.Equal(sum, mac.Sum(nil)) {
		return nil, errors.New("not signed by the provider")
	}
	return payload, nil
}

// newShop returns an application that logs in at the provider.
func newShop(t *testing.T, f *fake) *httptest.Server { return newShopOn(t, f, memstore.New()) }

func newShopOn(t *testing.T, f *fake, store session.Store) *httptest.Server {
	sessions, err := session.New(store, session.Config{Cookie: session.Cookie{InsecureHTTP: true}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := &Provider{Issuer: f.server.URL, AuthURL: f.server.URL + "/authorize", TokenURL: f.server.URL + "/token",
		ClientID: "shop", RedirectURL: server.URL + "/callback", Verify: verify}
	inside := http.NewServeMux()
	inside.HandleFunc("GET /login", p.Login)
	inside.HandleFunc("GET /callback", p.Callback)
	inside.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "owner %s", session.FromContext(r.Context()).Owner())
	})
	mux.HandleFunc("POST /callback", Relay)
	mux.Handle("POST /logout", p.BackchannelLogout(sessions))
	mux.Handle("/", sessions.Handler(inside))
	return server
}

func newBrowser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar}
}

func read(t *testing.T, response *http.Response, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b bytes.Buffer
	_, _ = io.Copy(&b, response.Body)
	return b.String()
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	response, err := c.Get(url)
	return read(t, response, err)
}

// A browser that comes back with an answer to its own question is logged in; the same answer is worth nothing to any
// other, and nothing a second time.
func TestLogin(t *testing.T) {
	f := newFake(t)
	shop := newShop(t, f)
	b := newBrowser()
	var back string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" {
			back = r.URL.String()
		}
		return nil
	}
	if got, want := get(t, b, shop.URL+"/login"), "owner "+f.server.URL+"|ann"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	for name, c := range map[string]*http.Client{"somebody else": newBrowser(), "once more": b} {
		if got := get(t, c, back); !strings.Contains(got, "not begun here") {
			t.Errorf("%s: %q", name, got)
		}
	}
	f.wrongNonce = true
	if got := get(t, newBrowser(), shop.URL+"/login"); !strings.Contains(got, "failed") {
		t.Errorf("with another nonce: %q", got)
	}
}

// Two tabs that begin to log in do not take each other's attempts.
func TestTwoTabs(t *testing.T) {
	f := newFake(t)
	shop := newShop(t, f)
	b := newBrowser()
	var back []string
	b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/callback" && len(back) < 2 {
			back = append(back, r.URL.String())
			return http.ErrUseLastResponse
		}
		return nil
	}
	get(t, b, shop.URL+"/login")
	get(t, b, shop.URL+"/login")
	for _, url := range back {
		if got := get(t, b, url); !strings.HasSuffix(got, "|ann") {
			t.Errorf("got %q", got)
		}
	}
}

// An attempt ends ten minutes after its begin, by the database's clock, and not before.
func TestAnAttemptEnds(t *testing.T) {
	for after, want := range map[time.Duration]string{9 * time.Minute: "|ann", 10 * time.Minute: "too long ago"} {
		f, store := newFake(t), memstore.New()
		shop, b, back := newShopOn(t, f, store), newBrowser(), ""
		b.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if r.URL.Path == "/callback" && back == "" {
				back = r.URL.String()
				return http.ErrUseLastResponse
			}
			return nil
		}
		store.Advance(time.Hour) // the database's clock is not the process's
		get(t, b, shop.URL+"/login")
		store.Advance(after)
		if got := get(t, b, back); !strings.Contains(got, want) {
			t.Errorf("%v later: %q, want %q", after, got, want)
		}
	}
}

// bindingStore has every session bound to a device that nobody has.
type bindingStore struct{ *memstore.Store }

func (b bindingStore) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	rec, err := b.Store.Load(ctx, ref)
	rec.Device = []byte("another's")
	return rec, err
}

// A browser that has lost the key of its device begins its login in a new session.
func TestLoginWithoutTheKey(t *testing.T) {
	sessions, err := session.New(bindingStore{memstore.New()}, session.Config{DeviceBound: session.DeviceBound{Path: "/device"}})
	if err != nil {
		t.Fatal(err)
	}
	p, cookie := &Provider{AuthURL: "https://id.example/authorize"}, ""
	for _, visit := range []string{"the first visit", "without the key"} {
		r := httptest.NewRequest(http.MethodGet, "https://shop.example/login", nil)
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		sessions.Handler(http.HandlerFunc(p.Login)).ServeHTTP(w, r)
		before := cookie
		cookie, _, _ = strings.Cut(w.Header().Get("Set-Cookie"), ";")
		if w.Code != http.StatusSeeOther || cookie == "" || cookie == before {
			t.Errorf("%s: %d %s", visit, w.Code, w.Body)
		}
	}
}

// An answer that is posted from the provider's page has no cookie, and leads to one that has.
func TestFormPost(t *testing.T) {
	f := newFake(t)
	f.formPost = true
	shop := newShop(t, f)
	b := newBrowser()
	form, err := url.ParseQuery(get(t, b, shop.URL+"/login"))
	if err != nil {
		t.Fatal(err)
	}
	foreign := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := foreign.PostForm(shop.URL+"/callback", form)
	read(t, response, err)
	if len(response.Cookies()) != 0 {
		t.Errorf("a request without the session sets %v", response.Cookies())
	}
	if got := get(t, b, shop.URL+response.Header.Get("Location")); !strings.HasSuffix(got, "|ann") {
		t.Errorf("got %q", got)
	}
}

// A logout token ends the sessions of one login at the provider, or of a user; another token ends nothing.
func TestBackchannelLogout(t *testing.T) {
	event := map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}
	for name, c := range map[string]struct {
		claims map[string]any
		status int
		ends   bool
	}{
		"sid":              {map[string]any{"events": event, "sid": "8f3a"}, 200, true},
		"user":             {map[string]any{"events": event, "sub": "ann"}, 200, true},
		"another sid":      {map[string]any{"events": event, "sid": "other", "sub": "ann"}, 200, false},
		"an ID token":      {map[string]any{"nonce": "n", "events": event, "sid": "8f3a"}, 400, false},
		"no event":         {map[string]any{"sid": "8f3a"}, 400, false},
		"another audience": {map[string]any{"events": event, "sid": "8f3a", "aud": "bank"}, 400, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			shop, b := newShop(t, f), newBrowser()
			get(t, b, shop.URL+"/login")
			response, err := http.PostForm(shop.URL+"/logout", url.Values{"logout_token": {f.sign(c.claims)}})
			read(t, response, err)
			if response.StatusCode != c.status {
				t.Errorf("status %d, want %d", response.StatusCode, c.status)
			}
			if got := get(t, b, shop.URL); (got == "owner ") != c.ends {
				t.Errorf("afterwards %q", got)
			}
		})
	}
}
