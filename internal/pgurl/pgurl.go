// Package pgurl splits the URL of a Postgres database without a driver, at the same places as pgx and libpq: net/url
// knows nothing of several hosts, and finds a query in a password that has a question mark.
package pgurl

import (
	"regexp"
	"slices"
	"strings"
)

// Ambiguous reports whether a part of the password may be taken for the name of a user, a host, a database or a
// setting, which errors show. That may be so if there is an @ behind the beginning of the host, since a password with
// an @, / or ? in it ends there; and if the characters that divide a URL are escaped, as only those of a password
// should be.
func Ambiguous(url string) bool {
	begin := host(url)
	path, query, _ := strings.Cut(url[begin:], "?")
	hosts, _, _ := strings.Cut(path, "/")
	for param := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(param, "=")
		if path += name; !mayHaveAt(name) {
			path += value
		}
	}
	_, user, _ := strings.Cut(url[:begin], "://")
	return strings.Contains(path, "@") || escapedDivider.MatchString(hosts) ||
		!strings.Contains(user, ":") && escapedColon.MatchString(user)
}

var (
	escapedDivider = regexp.MustCompile(`%(40|3[aA])`) // @ or :
	escapedColon   = regexp.MustCompile(`%3[aA]`)
)

// mayHaveAt reports whether a setting of that name may have an @ in its value.
func mayHaveAt(name string) bool {
	known := []string{"user", "password", "passfile", "host", "application_name", "fallback_application_name", "options",
		"service", "servicefile", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "search_path", "role",
		"dbname", "krbspn", "krbsrvname", "requirepeer", "session_authorization"}
	return slices.Contains(known, name) || strings.Contains(name, ".")
}

// Split returns what stands before a URL's query, and the query's parameters as they are written.
func Split(url string) (before string, params []string) {
	i := host(url)
	path, query, _ := strings.Cut(url[i:], "?")
	return url[:i] + path, strings.FieldsFunc(query, func(r rune) bool { return r == '&' })
}

// host returns where the host begins: behind the first @, unless a slash comes before that. Of what is no URL it is the
// end.
func host(url string) int {
	scheme, rest, isURL := strings.Cut(url, "://")
	if !isURL {
		return len(url)
	}
	begin := len(scheme) + len("://")
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		return begin + i + 1
	}
	return begin
}
