package session_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// badConfigs are refused when the manager is made, with a text that says what is wrong.
var badConfigs = []struct {
	name   string
	config session.Config
	want   string
}{
	{"negative idle", session.Config{IdleTimeout: -time.Hour}, "IdleTimeout -1h0m0s is not at least a millisecond"},
	{"idle below a millisecond", session.Config{IdleTimeout: time.Microsecond}, "IdleTimeout"},
	{"idle in fractions", session.Config{IdleTimeout: time.Second + 1}, "1.000000001s is not in whole milliseconds"},
	{"idle of a century", session.Config{IdleTimeout: 100 * 365 * 24 * time.Hour}, "IdleTimeout"},
	{"negative absolute", session.Config{AbsoluteTimeout: -1}, "AbsoluteTimeout"},
	{"absolute below idle", session.Config{AbsoluteTimeout: time.Minute},
		"AbsoluteTimeout 1m0s is shorter than IdleTimeout 1h0m0s"},
	{"negative step", session.Config{TouchStep: -1}, "TouchStep"},
	{"step above idle", session.Config{TouchStep: 2 * time.Hour},
		"TouchStep 2h0m0s is not between 0 and IdleTimeout 1h0m0s"},
	{"step in fractions", session.Config{TouchStep: time.Second + 1}, "TouchStep 1.000000001s is not in whole milliseconds"},
	{"grace in fractions", session.Config{RotationGrace: time.Second + 1}, "RotationGrace 1.000000001s is not in whole"},
	{"grace of a century", session.Config{RotationGrace: 100 * 365 * 24 * time.Hour}, "RotationGrace"},
	{"header of the cookies", session.Config{Header: "cookie"}, `Header "Cookie" has another meaning`},
	{"header that sets cookies", session.Config{Header: "Set-Cookie"}, "has another meaning"},
	{"header of the host", session.Config{Header: "Host"}, "has another meaning"},
	{"negative store timeout", session.Config{StoreTimeout: -1}, "StoreTimeout"},
	{"negative size", session.Config{MaxBytes: -1}, "MaxBytes -1 is not between"},
	{"a size of nothing", session.Config{MaxBytes: 1}, "MaxBytes"},
	{"too large a size", session.Config{MaxBytes: 101 << 20}, "MaxBytes"},
	{"negative owner limit", session.Config{Owner: session.OwnerLimit{Max: -1}}, "Owner.Max -1 is negative"},
	{"header beside an import", session.Config{Header: "X-Session", Import: session.Import{From: &oldSystem{}}}, "Import.From"},
	{"header with a space", session.Config{Header: "X Session"}, `Header "X Session"`},
	{"header with a line break", session.Config{Header: "X\r\nSet-Cookie"}, "Header"},
	{"negative poll", session.Config{WebSocket: session.WebSocket{PollInterval: -1}}, "PollInterval"},
	{"negative retry", session.Config{WebSocket: session.WebSocket{SaveRetry: -1}}, "SaveRetry"},
	{"origin without scheme", origin("app.example.com"), "WebSocket.Origins"},
	{"origin with path", origin("https://app.example.com/"), "WebSocket.Origins"},
	{"origin with a star", origin("https://*.example.com"), "WebSocket.Origins"},
	{"origin with user", origin("https://a@example.com"), "WebSocket.Origins"},
	{"origin with default port", origin("https://example.com:443"), "default port"},

	{"cookie with a space", cookie(session.Cookie{Name: "my session"}), `Cookie.Name "my session"`},
	{"cookie with an equals sign", cookie(session.Cookie{Name: "a=b"}), "Cookie.Name"},
	{"cookie with a semicolon", cookie(session.Cookie{Name: "a;b"}), "Cookie.Name"},
	{"cookie with a line break", cookie(session.Cookie{Name: "a\nb"}), "Cookie.Name"},
	{"cookie with a NUL", cookie(session.Cookie{Name: "a\x00"}), "Cookie.Name"},
	{"cookie in Greek", cookie(session.Cookie{Name: "σ"}), "Cookie.Name"},
	{"cookie too long", cookie(session.Cookie{Name: strings.Repeat("n", 4033)}), "Cookie.Name is longer than 4032 bytes"},
	{"__Host- with a domain", cookie(session.Cookie{Name: hostCookie, Domain: "example.com"}), "may not have a Domain"},
	{"__Host- with a path", cookie(session.Cookie{Name: hostCookie, Path: "/app"}), "__Host- cookie needs Path=/"},
	{"__host- with a path", cookie(session.Cookie{Name: "__host-x", Path: "/app"}), "__Host- cookie needs Path=/"},
	{"__Host- over plain HTTP", cookie(session.Cookie{Name: hostCookie, InsecureHTTP: true}), "plain HTTP"},
	{"__Secure- over plain HTTP", cookie(session.Cookie{Name: "__SECURE-x", InsecureHTTP: true}), "plain HTTP"},
	{"SameSite=None over plain HTTP", cookie(session.Cookie{SameSite: http.SameSiteNoneMode, InsecureHTTP: true}),
		"SameSite=None"},
	{"default SameSite", cookie(session.Cookie{SameSite: http.SameSiteDefaultMode}), "Cookie.SameSite"},
	{"SameSite of another kind", cookie(session.Cookie{SameSite: 17}), "Cookie.SameSite 17"},
	{"Partitioned alone", cookie(session.Cookie{Partitioned: true}), "Partitioned needs SameSite=None"},
	{"path without slash", cookie(session.Cookie{Path: "app"}), `Cookie.Path "app"`},
	{"path with a semicolon", cookie(session.Cookie{Path: "/; Domain=evil.com"}), "Cookie"},
	{"domain with a semicolon", cookie(session.Cookie{Domain: "a.com; Path=/"}), "Cookie"},
	{"domain with a port", cookie(session.Cookie{Domain: "example.com:443"}), "Cookie"},
}

func origin(s string) session.Config {
	return session.Config{WebSocket: session.WebSocket{Origins: []string{s}}}
}

func cookie(c session.Cookie) session.Config { return session.Config{Cookie: c} }

func TestBadConfigurations(t *testing.T) {
	for _, c := range badConfigs {
		t.Run(c.name, func(t *testing.T) {
			m, err := session.New(memstore.New(), c.config)
			if err == nil || !strings.Contains(err.Error(), c.want) || m != nil {
				t.Fatalf("New: %v, want an error with %q", err, c.want)
			}
			good := newSite(t).m
			if _, err := good.Derive(func(to *session.Config) { *to = c.config }); err == nil {
				t.Error("Derive accepts it")
			}
		})
	}
}

// One error says all that is wrong.
func TestAllThatIsWrongIsSaid(t *testing.T) {
	_, err := session.New(memstore.New(), session.Config{
		IdleTimeout: -1, MaxBytes: -1, Cookie: session.Cookie{Name: "a b", Path: "x"},
	})
	for _, want := range []string{"IdleTimeout", "MaxBytes", "Cookie.Name", "Cookie.Path"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not tell of %s", err, want)
		}
	}
}

func TestConfigurationsThatHaveToWork(t *testing.T) {
	for name, config := range map[string]session.Config{
		"zero":                      {},
		"idle longer than a day":    {IdleTimeout: 48 * time.Hour},
		"a millisecond":             {IdleTimeout: time.Millisecond, AbsoluteTimeout: time.Millisecond},
		"ten years":                 {IdleTimeout: session.MaxTimeout},
		"smallest size":             {MaxBytes: 2},
		"largest size":              {MaxBytes: 100 << 20},
		"longest cookie name":       cookie(session.Cookie{Name: strings.Repeat("n", 4032)}),
		"punctuation":               cookie(session.Cookie{Name: "!#$%&'*+-.^_`|~"}),
		"__Secure- with a domain":   cookie(session.Cookie{Name: "__Secure-x", Domain: "example.com", Path: "/app"}),
		"origins":                   {WebSocket: session.WebSocket{Origins: []string{"https://a.example", "http://b:8080"}}},
		"owner limit":               {Owner: session.OwnerLimit{Max: 1}},
		"no grace":                  {RotationGrace: -time.Hour},
		"SameSite=None, everywhere": cookie(session.Cookie{SameSite: http.SameSiteNoneMode}),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(c *session.Config) { logger := c.Logger; *c = config; c.Logger = logger })
			of := s.m.NewSession()
			s.ok(errors.Join(of.Generate(), of.Save(t.Context())))
		})
	}
}

// The absolute timeout is never shorter than the idle one by default.
func TestDefaultTimeouts(t *testing.T) {
	for _, c := range []struct{ idle, wantIdle, wantAbsolute time.Duration }{
		{0, time.Hour, 24 * time.Hour},
		{time.Minute, time.Minute, 24 * time.Hour},
		{48 * time.Hour, 48 * time.Hour, 48 * time.Hour},
	} {
		of := newSite(t, func(config *session.Config) { config.IdleTimeout = c.idle }).m.NewSession()
		if of.Timeout() != c.wantIdle || of.AbsoluteTimeout() != c.wantAbsolute {
			t.Errorf("timeouts %v and %v, want %v and %v", of.Timeout(), of.AbsoluteTimeout(), c.wantIdle, c.wantAbsolute)
		}
	}
}

func TestManagerWithoutStore(t *testing.T) {
	if m, err := session.New(nil, session.Config{}); err == nil || m != nil {
		t.Errorf("New: %v", err)
	}
}

// What a store cannot do is refused when the manager is made, not at the first login.
func TestOwnerLimitNeedsAStoreThatHasIt(t *testing.T) {
	_, err := session.New(plain{memstore.New()}, session.Config{Owner: session.OwnerLimit{Max: 3}})
	wantIs(t, "New", err, errors.ErrUnsupported)
}

// Plain HTTP is said in one line, that names what to set.
func TestPlainHTTPIsLogged(t *testing.T) {
	for name, c := range map[string]struct {
		config session.Config
		lines  int
	}{
		"plain":  {cookie(session.Cookie{InsecureHTTP: true}), 1},
		"secure": {session.Config{}, 0},
		"header": {session.Config{Header: "X-Session", Cookie: session.Cookie{InsecureHTTP: true}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			c.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
			if _, err := session.New(memstore.New(), c.config); err != nil {
				t.Fatal(err)
			}
			text := log.String()
			if n := strings.Count(text, "\n"); n != c.lines || n != strings.Count(text, "InsecureHTTP") {
				t.Errorf("log %q", text)
			}
		})
	}
}
