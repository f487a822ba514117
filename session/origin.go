package session

import (
	"errors"
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

// isUpgrade recognises a WebSocket handshake: HTTP/1.1 (RFC 6455, 4.1), or extended CONNECT (RFC 8441) if the server has
// it. It is generous, because libraries are: whatever one of them could take for a handshake is one.
func isUpgrade(r *http.Request) bool {
	if r.Method == http.MethodConnect {
		return mentions(r.Header[":protocol"], "websocket")
	}
	return mentions(r.Header["Upgrade"], "websocket") && mentions(r.Header["Connection"], "upgrade")
}

// mentions reports whether a word stands anywhere in a header's lines.
func mentions(lines []string, word string) bool {
	return slices.ContainsFunc(lines, func(line string) bool { return strings.Contains(strings.ToLower(line), word) })
}

// logRefused logs the first handshake that is refused for its Origin: anybody can send more.
func (m *Manager) logRefused(r *http.Request, err error) {
	if !errors.Is(err, ErrOrigin) {
		return
	}
	if m.shared.refused.Swap(true) {
		return
	}
	m.config.Logger.WarnContext(r.Context(), "session: a WebSocket handshake was refused for its Origin; if the page is one of "+
		"this service's, name its origin in WebSocket.Origins: a proxy may change the Host or drop its port",
		"error", err, "host", fmt.Sprintf("%.200q", r.Host), "expected", fmt.Sprintf("%.200q", m.ownOrigin(r)))
}
