package session

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// checkOrigin refuses a WebSocket handshake from a page that is not allowed to make one (OWASP ASVS 4.4.2). Browsers send
// cookies with cross-site handshakes and let no preflight go before them, so this is the only guard. Forwarded headers are
// never read: anybody can send them.
func (m *Manager) checkOrigin(r *http.Request) error {
	sent := r.Header.Values("Origin")
	allowed := &m.config.WebSocket
	switch {
	case len(sent) == 0 && allowed.AllowMissingOrigin:
		return nil
	case len(sent) == 0:
		return fmt.Errorf("%w: the request has no Origin", ErrOrigin)
	case len(sent) > 1:
		return fmt.Errorf("%w: the request has more than one Origin", ErrOrigin)
	case len(allowed.Origins) == 0 && sent[0] == m.ownOrigin(r), slices.Contains(allowed.Origins, sent[0]):
		return nil
	}
	return fmt.Errorf("%w: %.200q", ErrOrigin, sent[0])
}

// ownOrigin is the origin of a page that came from this host, as browsers spell it (RFC 6454, 6.2).
func (m *Manager) ownOrigin(r *http.Request) string {
	scheme, port := "https", ":443"
	if m.config.Cookie.InsecureHTTP {
		scheme, port = "http", ":80"
	}
	return scheme + "://" + strings.TrimSuffix(strings.ToLower(r.Host), port)
}

// parseOrigin checks an origin of the configuration: exactly as browsers send it, since it is compared as a string.
func parseOrigin(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme+"://"+u.Host != s || s != strings.ToLower(s) || strings.Contains(s, "*") {
		return nil, fmt.Errorf("WebSocket.Origins: %q is not scheme://host or scheme://host:port in lower case", s)
	}
	if port := u.Port(); (u.Scheme == "https" && port == "443") || (u.Scheme == "http" && port == "80") {
		return nil, fmt.Errorf("WebSocket.Origins: %q: browsers leave the default port away", s)
	}
	return u, nil
}

// isUpgrade recognises a WebSocket handshake: HTTP/1.1 (RFC 6455, 4.1), or extended CONNECT (RFC 8441) where the server
// has it.
func isUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		protocol := r.Header[":protocol"]
		return len(protocol) == 1 && strings.EqualFold(protocol[0], "websocket")
	}
	return hasListItem(r.Header["Upgrade"], "websocket") && hasListItem(r.Header["Connection"], "upgrade")
}

func hasListItem(lines []string, item string) bool {
	for _, line := range lines {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), item) {
				return true
			}
		}
	}
	return false
}
