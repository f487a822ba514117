package browser

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"
)

// client is a browser without a page: it keeps cookies.
type client struct {
	t    *testing.T
	node *node
	http *http.Client
	jar  *cookiejar.Jar
}

// answer is what the server said.
type answer struct {
	status int
	body   string
	header http.Header
	cookie []*http.Cookie
}

// state is what GET /api/session says.
type state struct {
	New            bool                       `json:"new"`
	Changed        bool                       `json:"changed"`
	TimeoutSeconds float64                    `json:"timeout_seconds"`
	Expiration     *time.Time                 `json:"expiration"`
	Data           map[string]json.RawMessage `json:"data"`
}

func newClient(t *testing.T, n *node) *client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	t.Cleanup(transport.CloseIdleConnections)
	return &client{t: t, node: n, jar: jar, http: &http.Client{Transport: transport, Timeout: patience}}
}

// do sends a request with the cookies of the jar, and keeps those of the answer.
func (c *client) do(method, path, body string) answer {
	return c.doWith(c.cookies(), method, path, body)
}

// doWith sends a request with these cookies, and keeps those of the answer in the order of arrival.
func (c *client) doWith(cookies []*http.Cookie, method, path, body string) answer {
	r, err := http.NewRequest(method, c.node.url(path), strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return answer{}
	}
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
	}
	c.jar.SetCookies(r.URL, resp.Cookies())
	return answer{resp.StatusCode, strings.TrimSpace(string(text)), resp.Header, resp.Cookies()}
}

func (c *client) cookies() []*http.Cookie {
	return c.jar.Cookies(&url.URL{Scheme: "http", Host: c.node.addr, Path: "/"})
}

// must is do, and fails unless the status is the wanted one.
func (c *client) must(status int, method, path, body string) answer {
	c.t.Helper()
	a := c.do(method, path, body)
	if a.status != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

// session returns what GET /api/session says to these cookies.
func (c *client) session(cookies []*http.Cookie) state {
	c.t.Helper()
	a := c.doWith(cookies, http.MethodGet, "/api/session", "")
	if a.status != http.StatusOK {
		c.t.Fatalf("GET /api/session: %d %s", a.status, a.body)
	}
	var s state
	if err := json.Unmarshal([]byte(a.body), &s); err != nil {
		c.t.Fatalf("GET /api/session: %s: %v", a.body, err)
	}
	return s
}

// rowKey is the key of the row that a cookie names.
func rowKey(t *testing.T, cookies []*http.Cookie) []byte {
	t.Helper()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies, want the session's alone", len(cookies))
	}
	token, err := base64.RawURLEncoding.DecodeString(cookies[0].Value)
	if err != nil || len(token) != 48 {
		t.Fatalf("the cookie holds no token: %d bytes, %v", len(token), err)
	}
	return token[:16]
}

func unmarshal(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}
