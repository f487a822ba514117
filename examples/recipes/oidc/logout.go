package oidc

import (
	"net/http"

	"github.com/simples-go/sessions/session"
)

func sidTag(sid string) string {
	if sid == "" {
		return ""
	}
	return "sid:" + sid
}

// BackchannelLogout ends the sessions that began with a login at the provider, when the provider says that this has
// ended (OpenID Connect Back-Channel Logout 1.0). The request comes from the provider's server and has no session.
func (p *Provider) BackchannelLogout(sessions *session.Manager) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		c, err := p.claims(r.PostFormValue("logout_token"))
		if err != nil || c.Nonce != "" || c.Events["http://schemas.openid.net/event/backchannel-logout"] == nil {
			http.Error(w, "no logout token", http.StatusBadRequest)
			return
		}
		if c.SID != "" {
			_, err = sessions.RevokeTagged(r.Context(), sidTag(c.SID))
		} else { // all that this user has
			_, err = sessions.RevokeOwner(r.Context(), c.Issuer+"|"+c.Subject, session.Handle{})
		}
		if err != nil {
			http.Error(w, "try again", session.StatusCode(err))
		}
	})
}
