// Package pgurl takes the URL of a Postgres database apart without a driver, where pgx and libpq do: net/url knows
// nothing of several hosts, and finds a query in a password that has a question mark.
package pgurl

import "strings"

// Ambiguous reports whether a URL has an @ after its host began. A password with an @ or / in it would end there, and
// the rest of it would be the name of a host or database, which errors show.
func Ambiguous(url string) bool {
	path, query, _ := strings.Cut(url[host(url):], "?")
	for param := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(param, "=") // a value may well have one
		path += name
	}
	return strings.Contains(path, "@")
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
