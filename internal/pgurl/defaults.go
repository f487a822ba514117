package pgurl

import (
	"os"
	"strconv"
	"strings"
	"time"
)

// How long an attempt to connect to one server may take if neither the URL nor the environment says so. With several
// servers it is short: the first in the URL may have gone without a word, and every new connection tries it first.
const (
	ConnectTimeout     = 5 * time.Second
	ConnectTimeoutEach = 2 * time.Second // of several
)

const (
	connectTimeout     = "connect_timeout"
	targetSessionAttrs = "target_session_attrs"
)

// The servers that are good enough.
const (
	Writable = "read-write" // accepts writes
	Any      = "any"
)

// WithDefaults adds what every part of this project wants of a connection to what a URL, or keyword=value pairs, leave
// open: the time for an attempt to connect, and which servers will do. More settings are of the form name=value. A
// service file's settings would be hidden by them: with a service, nothing is added.
func WithDefaults(url, servers string, more ...string) string {
	params, service := more, has(url, "service", "PGSERVICE")
	if !service && !has(url, targetSessionAttrs, "PGTARGETSESSIONATTRS") {
		params = append(params, targetSessionAttrs+"="+servers)
	}
	if !service && !has(url, connectTimeout, "PGCONNECT_TIMEOUT") {
		params = append(params, connectTimeout+"="+seconds(url))
	}
	if !isURL(url) {
		return strings.TrimSpace(strings.Join(params, " ") + " " + url)
	}
	before, own := Split(url)
	if params = append(params, own...); len(params) == 0 { // of a setting that is there twice the last one counts
		return before
	}
	return before + "?" + strings.Join(params, "&")
}

func isURL(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// has reports whether a URL, keyword=value pairs or the environment have a setting.
func has(url, name, variable string) bool {
	if os.Getenv(variable) != "" {
		return true
	}
	_, is := value(url, name)
	return is
}

// value returns what a URL or keyword=value pairs say of a setting.
func value(url, name string) (value string, is bool) {
	params := strings.Fields(url)
	if isURL(url) {
		_, params = Split(url)
	}
	for _, p := range params {
		if v, found := strings.CutPrefix(p, name+"="); found {
			value, is = v, true
		}
	}
	return value, is
}

func seconds(url string) string {
	timeout := ConnectTimeout
	if strings.Contains(hosts(url), ",") {
		timeout = ConnectTimeoutEach
	}
	return strconv.Itoa(int(timeout.Seconds()))
}

func hosts(url string) string {
	if names, is := value(url, "host"); is {
		return names
	}
	if !isURL(url) {
		return os.Getenv("PGHOST")
	}
	path, _, _ := strings.Cut(url[host(url):], "?")
	names, _, _ := strings.Cut(path, "/")
	return names
}
