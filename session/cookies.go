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

// What the ends of other cookies take of a response's header, which proxies limit to 4 kB and more, and how deep a path
// is looked at. The likelier ones come first.
const (
	maxStrayLines = 40
	maxStrayBytes = 3 << 10
	maxStrayPaths = 5
)

// strayLines are the Set-Cookie headers that end cookies of the name in other scopes than the configured one,
// Partitioned and not, for a request's host and path.
func (m *Manager) strayLines(host, path string) (lines []string) {
	cookie, size := &m.config.Cookie, 0
	for _, scope := range cookie.scopes(host, path) {
		for _, partitioned := range []bool{false, true} {
			other := *cookie
			other.Domain, other.Path, other.Partitioned = scope.Domain, scope.Path, partitioned
			own := scope == CookieScope{cookie.Domain, cookie.Path} && partitioned == cookie.Partitioned
			if own || partitioned && cookie.InsecureHTTP {
				continue
			}
			line := cookie.Name + "=; Max-Age=0" + other.attributes()
			if size += len(line); size > maxStrayBytes || len(lines) == maxStrayLines {
				return lines
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// scopes returns those that a cookie of the name may have: the configured one, its former ones, and, unless browsers
// keep other hosts from setting it, those of the request's host and its parent domains with all paths that lead to the
// request. A browser refuses a cookie whose domain nobody can have.
func (c *Cookie) scopes(host, path string) []CookieScope {
	scopes := append([]CookieScope{{c.Domain, c.Path}}, c.Former...)
	if c.hostOnly() {
		return scopes
	}
	domains := append(domainsOf(host), "")
	for _, path := range append([]string{c.Path, "/"}, pathsOf(path)...) {
		for _, domain := range domains {
			if scope := (CookieScope{domain, path}); !slices.Contains(scopes, scope) {
				scopes = append(scopes, scope)
			}
		}
	}
	return scopes
}

// pathsOf returns the first few paths beneath the root of cookies that come with a request (RFC 6265bis, 5.1.4).
func pathsOf(path string) (paths []string) {
	for i := 1; i <= len(path) && len(paths) < maxStrayPaths; i++ {
		if i < len(path) && path[i] != '/' {
			continue
		}
		for _, prefix := range []string{path[:i], path[:min(i+1, len(path))]} {
			if len(prefix) > 1 && len(paths) < maxStrayPaths && !slices.Contains(paths, prefix) && validPath(prefix) {
				paths = append(paths, prefix)
			}
		}
	}
	return paths
}

func validPath(path string) bool {
	return (&http.Cookie{Name: "n", Value: "v", Path: path}).Valid() == nil
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
