// Package oidc is a login with an identity provider by OpenID Connect: code flow with PKCE, and a logout that the
// provider asks for.
package oidc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/simples-go/sessions/session"
)

// Provider is what the provider's registration and its /.well-known/openid-configuration say.
type Provider struct {
	Issuer, AuthURL, TokenURL string
	ClientID, ClientSecret    string
	RedirectURL               string // of Callback
	Verify                    func(token string) (payload []byte, err error)
}

// attempt is what the session keeps while the browser is at the provider, for ten minutes. Each has a key of its own,
// so that two tabs that log in at once do not take each other's.
type attempt struct {
	Nonce, Verifier string
}

func attemptKey(state string) session.Key[attempt] {
	return session.NewKey("oidc."+state, attempt{}).EndsAfter(10 * time.Minute)
}

// Login sends the browser to the provider.
func (p *Provider) Login(w http.ResponseWriter, r *http.Request) {
	state := rand.Text()
	a := attempt{Nonce: rand.Text(), Verifier: rand.Text() + rand.Text()}
	s := session.FromContext(r.Context())
	if errors.Is(s.Err(), session.ErrUnproven) { // bound to a device whose key is gone: begin a new one
		_ = s.Rotate()
	}
	if err := attemptKey(state).Set(s, a); err != nil {
		http.Error(w, "try again", session.StatusCode(err))
		return
	}
	challenge := sha256.Sum256([]byte(a.Verifier))
	query := url.Values{
		"response_type": {"code"}, "scope": {"openid"}, "client_id": {p.ClientID}, "redirect_uri": {p.RedirectURL},
		"state": {state}, "nonce": {a.Nonce},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	http.Redirect(w, r, p.AuthURL+"?"+query.Encode(), http.StatusSeeOther)
}

// Callback is where the provider sends the browser back to.
func (p *Provider) Callback(w http.ResponseWriter, r *http.Request) {
	s, state := session.FromContext(r.Context()), r.URL.Query().Get("state")
	a, err := attemptKey(state).Pop(s) // no second answer to one question
	if err != nil {
		http.Error(w, "try again", session.StatusCode(err))
		return
	}
	if a.Nonce == "" {
		http.Error(w, "this login was not begun here, or too long ago", http.StatusForbidden)
		return
	}
	claims, err := p.redeem(r, a)
	if err != nil {
		http.Error(w, "the login has failed", http.StatusForbidden)
		return
	}
	// The provider's sid is the tag, for a logout that the provider asks for. Login takes back an old tag: set it after.
	if err := errors.Join(s.Login(claims.Issuer+"|"+claims.Subject), s.SetTag(sidTag(claims.SID))); err != nil {
		http.Error(w, "try again", session.StatusCode(err))
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// Relay takes an answer that the provider has the browser post (response_mode=form_post). Such a request comes from
// another site, so it carries no SameSite=Lax cookie. It must stand outside of the sessions' middleware; the
// navigation to which it leads carries the cookie.
func Relay(w http.ResponseWriter, r *http.Request) {
	answer := url.Values{"state": {r.PostFormValue("state")}, "code": {r.PostFormValue("code")}}
	http.Redirect(w, r, "/callback?"+answer.Encode(), http.StatusSeeOther)
}

// claims are those of an ID token and of a logout token.
type claims struct {
	Issuer   string          `json:"iss"`
	Audience json.RawMessage `json:"aud"` // one or several
	Subject  string          `json:"sub"`
	Expires  int64           `json:"exp"`
	Nonce    string          `json:"nonce"`
	SID      string          `json:"sid"`
	Events   map[string]any  `json:"events"`
}

// redeem exchanges the code for an ID token.
func (p *Provider) redeem(r *http.Request, a attempt) (*claims, error) {
	form := url.Values{
		"grant_type": {"authorization_code"}, "code": {r.URL.Query().Get("code")}, "redirect_uri": {p.RedirectURL},
		"client_id": {p.ClientID}, "client_secret": {p.ClientSecret}, "code_verifier": {a.Verifier},
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.TokenURL, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		IDToken string `json:"id_token"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the token endpoint answers %d: %w", response.StatusCode, err)
	}
	c, err := p.claims(answer.IDToken)
	if err == nil && c.Nonce != a.Nonce {
		err = errors.New("the nonce is another")
	}
	return c, err
}

// claims checks a token of the provider's and returns what it says.
func (p *Provider) claims(token string) (*claims, error) {
	payload, err := p.Verify(token) // the signature
	if err != nil {
		return nil, err
	}
	c := &claims{}
	if err := json.Unmarshal(payload, c); err != nil {
		return nil, err
	}
	if c.Issuer != p.Issuer || !slices.Contains(c.audiences(), p.ClientID) || time.Now().Unix() >= c.Expires {
		return nil, errors.New("the token is not for us, or not any more")
	}
	return c, nil
}

func (c *claims) audiences() (all []string) {
	if json.Unmarshal(c.Audience, &all) != nil {
		all = make([]string, 1)
		_ = json.Unmarshal(c.Audience, &all[0])
	}
	return all
}
