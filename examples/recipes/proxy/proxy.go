// Package proxy passes requests on to another service without the session's cookie.
package proxy

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/simples-go/sessions/session"
)

// New returns a proxy that tells the service behind it who the user is, and never by which token. The names are those
// of cookies that are not for the service: the session's, "__Host-Http-session" by default.
func New(behind *url.URL, names ...string) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(behind)
			r.SetXForwarded()
			keepCookies(r.Out, names)
			r.Out.Header.Del("X-User") // what a client says of itself
			if s, ok := session.Lookup(r.In.Context()); ok && s.Owner() != "" {
				r.Out.Header.Set("X-User", s.Owner())
			}
		},
		ModifyResponse: func(response *http.Response) error { // nor may the service set it
			cookies := response.Header["Set-Cookie"]
			response.Header.Del("Set-Cookie")
			for _, cookie := range cookies {
				if name, _, _ := strings.Cut(cookie, "="); !has(names, name) {
					response.Header.Add("Set-Cookie", cookie)
				}
			}
			return nil
		},
	}
}

// keepCookies leaves out those of the given names.
func keepCookies(r *http.Request, names []string) {
	cookies := r.Cookies()
	r.Header.Del("Cookie")
	for _, c := range cookies {
		if !has(names, c.Name) {
			r.AddCookie(c)
		}
	}
}

// has compares as browsers do, which take a prefix such as __host- in any case.
func has(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, strings.TrimSpace(name)) {
			return true
		}
	}
	return false
}
