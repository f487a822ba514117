package session

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/simples-go/sessions/session/store"
)

// maxCandidates is how many cookies of one name are looked up at the most.
const maxCandidates = 4

// find returns the request's tokens, each once, in their order. What this package could not have issued is none.
// ErrAmbiguous is returned for two different headers.
func (m *Manager) find(r *http.Request) ([]*token, error) {
	if name := m.config.Header; name != "" {
		switch values := r.Header.Values(name); len(values) {
		case 0:
			return nil, nil
		case 1:
			return addToken(nil, values[0]), nil
		}
		return nil, ErrAmbiguous
	}
	var found []*token
	for _, line := range r.Header["Cookie"] {
		found = findCookies(found, line, m.config.Cookie.Name)
	}
	return found, nil
}

// findCookies looks through one Cookie header without taking it apart.
func findCookies(found []*token, line, name string) []*token {
	for value, rest, ok := nextCookie(line, name); ok; value, rest, ok = nextCookie(rest, name) {
		found = addToken(found, value)
	}
	return found
}

// nextCookie returns the value of the first cookie of a name in a Cookie header, and what follows it.
func nextCookie(line, name string) (value, rest string, ok bool) {
	for line != "" {
		var pair string
		pair, line, _ = strings.Cut(line, ";")
		pair = strings.Trim(pair, " \t")
		if len(pair) > len(name) && pair[len(name)] == '=' && pair[:len(name)] == name {
			return pair[len(name)+1:], line, true
		}
	}
	return "", "", false
}

func addToken(found []*token, value string) []*token {
	t, ok := parseToken(value)
	if !ok || slices.ContainsFunc(found, func(other *token) bool { return *other == *t }) {
		return found
	}
	return append(found, t)
}

// openOneOf decides between several cookies of the name. A browser sends them after the cookie's Domain, Path or
// Partitioned has changed, or because another host of the domain has planted one. One may win that no other host can have
// planted: if the name's prefix keeps other hosts from setting it, the only one that opens a session; else one of the same
// row as all others, which are former tokens of it. The losers are ended with the response.
func (x *Exchange) openOneOf(ctx context.Context, tokens []*token) error {
	x.strays, x.arrived = true, tokens[0]
	if !x.m.config.Cookie.hostOnly() && !oneRow(tokens) {
		return nil
	}
	winner, err := x.onlyOneThatOpens(ctx, tokens[:min(len(tokens), maxCandidates)])
	if err != nil || winner == nil {
		return err
	}
	return x.open(ctx, winner)
}

func oneRow(tokens []*token) bool {
	return !slices.ContainsFunc(tokens, func(t *token) bool { return t.handle() != tokens[0].handle() })
}

// onlyOneThatOpens returns the token that opens a session, or else one that has been rotated just now; nil if none or
// several do.
func (x *Exchange) onlyOneThatOpens(ctx context.Context, tokens []*token) (*token, error) {
	ctx, cancel := x.m.forLoad(ctx)
	defer cancel()
	var opening, rotated []*token
	for _, t := range tokens {
		_, err := x.m.store.Load(ctx, store.Ref{Key: t.handle(), Hash: t.hash(x.m.realm), Policy: x.m.policy()})
		switch {
		case err == nil:
			opening = append(opening, t)
		case errors.Is(err, ErrRotated):
			rotated = append(rotated, t)
		case !errors.Is(err, ErrGone):
			return nil, err
		}
	}
	for _, some := range [][]*token{opening, rotated} {
		if len(some) > 0 {
			if len(some) > 1 {
				return nil, nil
			}
			return some[0], nil
		}
	}
	return nil, nil
}

// strayLines are the Set-Cookie headers that end cookies of the name in every scope but the configured one.
func (m *Manager) strayLines(host string) []string {
	cookie := &m.config.Cookie
	var lines []string
	for _, scope := range cookie.otherScopes(host) {
		other := *cookie
		other.Domain, other.Path = scope.Domain, scope.Path
		lines = append(lines, cookie.Name+"=; Max-Age=0"+other.attributes())
	}
	other := *cookie
	if other.Partitioned = !cookie.Partitioned; !cookie.InsecureHTTP {
		lines = append(lines, cookie.Name+"=; Max-Age=0"+other.attributes())
	}
	return lines
}

// otherScopes returns the scopes that a cookie of the name may have had: the former ones of the configuration, and
// those of the request's host and its parent domains. A browser refuses a cookie whose domain nobody can have.
func (c *Cookie) otherScopes(host string) []CookieScope {
	var scopes []CookieScope
	add := func(domain, path string) {
		scope := CookieScope{domain, path}
		if scope != (CookieScope{c.Domain, c.Path}) && !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	for _, former := range c.Former {
		add(former.Domain, former.Path)
	}
	if c.hostOnly() {
		return scopes
	}
	paths := slices.Compact([]string{c.Path, "/"})
	for _, path := range paths {
		add("", path)
	}
	for _, domain := range domainsOf(host) {
		for _, path := range paths {
			add(domain, path)
		}
	}
	return scopes
}

// domainsOf returns a host's name and its parent domains, at most five, without top-level ones.
func domainsOf(host string) (domains []string) {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if net.ParseIP(strings.Trim(host, "[]")) != nil {
		return nil
	}
	for domain := strings.ToLower(host); strings.Contains(domain, ".") && len(domains) < 5; {
		if validDomain(domain) {
			domains = append(domains, domain)
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return domains
}

func validDomain(domain string) bool {
	return (&http.Cookie{Name: "n", Value: "v", Domain: domain}).Valid() == nil && !strings.HasPrefix(domain, ".")
}
