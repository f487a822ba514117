package session

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cookie configures the cookie. The zero value is the secure one: __Host-Http-session; Path=/; Secure; HttpOnly;
// SameSite=Lax.
type Cookie struct {
	// Name defaults to __Host-Http-session, to __Secure-session if Domain or Path is set, and to session if InsecureHTTP is.
	// A browser takes a __Host- cookie only from the very host, over TLS, with Path=/, and a __Host-Http- one, if it knows
	// that prefix, not from scripts (RFC 6265bis, 4.1.3).
	Name string

	Domain      string        // default: the host alone. With it, every subdomain gets the token
	Path        string        // default /
	SameSite    http.SameSite // default http.SameSiteLaxMode
	Partitioned bool          // for pages that are embedded by other sites; needs SameSite=None

	// NonPersistent makes the cookie end with the browser, instead of with the session's absolute timeout.
	NonPersistent bool

	// Former are the domains and paths that cookies of this name had before, so that those which browsers still have are
	// ended. The request's own host and its parent domains need not be named.
	Former []CookieScope

	// InsecureHTTP leaves Secure away, for development over plain HTTP. Whoever listens on the network has the sessions
	// of all users.
	InsecureHTTP bool
}

// CookieScope is where a browser sends a cookie.
type CookieScope struct {
	Domain string // "": the host alone
	Path   string // default /
}

const (
	hostPrefix     = "__Host-" // of hostHTTPPrefix too
	hostHTTPPrefix = "__Host-Http-"
	httpPrefix     = "__Http-"
	securePrefix   = "__Secure-"

	// maxAge is what browsers cut Max-Age to (RFC 6265bis, 5.5).
	maxAge = 400 * 24 * time.Hour

	// maxCookie is what browsers take of name and value (RFC 6265bis, 5.6).
	maxCookie = 4096
)

func (c Cookie) withDefaults() Cookie {
	switch {
	case c.Name != "":
	case c.InsecureHTTP:
		c.Name = "session"
	case c.Domain != "" || (c.Path != "" && c.Path != "/"):
		c.Name = securePrefix + "session"
	default:
		c.Name = hostHTTPPrefix + "session"
	}
	c.Path = cmp.Or(c.Path, "/")
	c.Former = slices.Clone(c.Former)
	for i := range c.Former {
		c.Former[i].Path = cmp.Or(c.Former[i].Path, "/")
	}
	c.SameSite = cmp.Or(c.SameSite, http.SameSiteLaxMode)
	return c
}

func (c *Cookie) validate() error {
	var errs []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	host, secure := c.hostOnly(), hasPrefixFold(c.Name, securePrefix) || hasPrefixFold(c.Name, httpPrefix)
	refuse(!isToken(c.Name), "Cookie.Name %q has characters that no cookie's name may have", c.Name)
	refuse(len(c.Name)+tokenChars > maxCookie, "Cookie.Name is longer than %d bytes", maxCookie-tokenChars)
	refuse(host && c.Domain != "", "a %s cookie may not have a Domain", hostPrefix)
	refuse(host && c.Path != "/", "a %s cookie needs Path=/, not %q", hostPrefix, c.Path)
	refuse((host || secure) && c.InsecureHTTP, "a cookie named %q cannot travel over plain HTTP (InsecureHTTP)", c.Name)
	refuse(c.SameSite == http.SameSiteNoneMode && c.InsecureHTTP, "SameSite=None cannot travel over plain HTTP (InsecureHTTP)")
	refuse(c.SameSite < http.SameSiteLaxMode || c.SameSite > http.SameSiteNoneMode,
		"Cookie.SameSite %d is none of Lax, Strict and None", c.SameSite)
	refuse(c.Partitioned && c.SameSite != http.SameSiteNoneMode, "Partitioned needs SameSite=None")
	refuse(!strings.HasPrefix(c.Path, "/"), "Cookie.Path %q does not begin with a slash", c.Path)
	for _, scope := range append([]CookieScope{{c.Domain, c.Path}}, c.Former...) {
		if err := (&http.Cookie{Name: "n", Value: "v", Domain: scope.Domain, Path: scope.Path}).Valid(); err != nil {
			errs = append(errs, fmt.Errorf("Cookie: %w", err))
		}
	}
	return errors.Join(errs...)
}

// hostOnly reports whether browsers keep other hosts from setting a cookie of this name.
func (c *Cookie) hostOnly() bool { return hasPrefixFold(c.Name, hostPrefix) }

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// attributes is what every Set-Cookie of this configuration ends in.
func (c *Cookie) attributes() string {
	cookie := http.Cookie{
		Name: "n", Path: c.Path, Domain: c.Domain, HttpOnly: true,
		Secure: !c.InsecureHTTP, SameSite: c.SameSite, Partitioned: c.Partitioned,
	}
	return strings.TrimPrefix(cookie.String(), "n=")
}

// line is the Set-Cookie header that brings the token for as long as life; for life 0, until the browser ends.
func (m *Manager) line(t *token, life time.Duration) string {
	b := make([]byte, 0, 192)
	b = append(append(b, m.config.Cookie.Name...), '=')
	b = append(b, t.encode()...)
	if life > 0 {
		b = append(b, "; Max-Age="...)
		b = strconv.AppendInt(b, int64((min(life, maxAge)+time.Second-1)/time.Second), 10)
	}
	return string(append(b, m.attributes...))
}

// expired is the Set-Cookie header that takes the cookie away.
func (m *Manager) expired() string { return m.config.Cookie.Name + "=; Max-Age=0" + m.attributes }

// isToken reports whether s is a token of RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}
