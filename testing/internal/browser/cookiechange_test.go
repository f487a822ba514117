package browser

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
)

// change is a new configuration of a cookie that browsers have. Somebody has logged in before it, and does so again after it,
// which leaves the browser with two cookies of one name.
type change struct {
	before, after session.Cookie
	again         string // where the second login goes
	first, then   string // what visits show: the owner and the number of cookies
}

const (
	app     = "https://app.site.test/app/"
	another = "https://other.site.test/app/"
	outside = "https://app.site.test/"
)

var (
	hostAlone = session.Cookie{Name: "__Secure-session"}
	allHosts  = session.Cookie{Name: "__Secure-session", Domain: "site.test"}
	folder    = session.Cookie{Path: "/app"}
	wholeHost = session.Cookie{Name: "__Secure-session", Former: []session.CookieScope{{Path: "/app"}}}
	embedded  = session.Cookie{SameSite: http.SameSiteNoneMode, Partitioned: true}
	plain     = session.Cookie{}
)

// TestCookieChanges: a browser that has a cookie of the former configuration beside that of the present one is served, and
// has one after one visit. Of two sessions that another host may have planted neither is opened, and both cookies go.
func TestCookieChanges(t *testing.T) {
	s := newMovingSite(t)
	browser := startChrome(t, trusting(s.Server), chromedp.Flag("host-resolver-rules", "MAP *.site.test "+s.addr()))
	p := openTab(browser, &node{addr: s.addr()})
	for name, c := range map[string]change{
		"Domain is set":          {hostAlone, allHosts, app, "ann 2", "ann 1"},
		"Domain is removed":      {allHosts, hostAlone, app, "ann 2", "ann 1"},
		"Path is widened":        {folder, wholeHost, app, "ann 2", "ann 1"},
		"Partitioned is set":     {plain, embedded, app, "ann 2", "ann 1"},
		"Partitioned is removed": {embedded, plain, app, "ann 2", "ann 1"},
		"two sessions by Domain": {hostAlone, allHosts, another, " 2", " 0"},
		"two sessions by Path":   {folder, wholeHost, outside, " 2", " 0"},
	} {
		t.Run(name, func(t *testing.T) {
			p.on(t)
			s.moves(p, c)
			p.reads(app, c.first)
			p.reads(app, c.then)
			p.posts("login")
			p.reads(app, "ann 1")
			p.posts("logout")
			p.reads(app, " 0")
		})
	}
	t.Run("logout with both", func(t *testing.T) {
		p.on(t)
		s.moves(p, change{before: allHosts, after: hostAlone, again: app})
		p.posts("logout")
		p.reads(app, " 0")
	})
}

// movingSite is a site whose configuration changes.
type movingSite struct {
	*httptest.Server
	t       *testing.T
	store   *memstore.Store
	handler atomic.Pointer[http.Handler]
}

func newMovingSite(t *testing.T) *movingSite {
	t.Helper()
	s := &movingSite{t: t, store: memstore.New()}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		(*s.handler.Load()).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *movingSite) addr() string { return strings.TrimPrefix(s.URL, "https://") }

// deploy serves with another configuration from now on.
func (s *movingSite) deploy(c session.Cookie) {
	s.t.Helper()
	m, err := session.New(s.store, session.Config{Cookie: c, Realm: "site", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := m.Shutdown(context.Background()); err != nil {
			s.t.Error(err)
		}
	})
	h := m.Handler(s.pages())
	s.handler.Store(&h)
}

// pages tell whose session it is, and how many cookies the request has.
func (s *movingSite) pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<link rel=icon href=data:,><p>%s %d</p>`, owner(r), len(r.Cookies()))
	})
	do := func(change func(*session.Session, context.Context) error) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) {
			if err := change(session.FromContext(r.Context()), r.Context()); err != nil {
				s.t.Error(err)
			}
		}
	}
	login := do(func(of *session.Session, _ context.Context) error { return of.Login("ann") })
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("POST /app/login", login)
	mux.HandleFunc("POST /app/logout", do((*session.Session).Destroy))
	return mux
}

// moves logs in before the change and after it, in a browser without cookies.
func (s *movingSite) moves(p *tab, c change) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
		p.t.Fatal(err)
	}
	s.deploy(c.before)
	p.goes(app)
	p.posts("login")
	s.deploy(c.after)
	p.goes(c.again)
	p.posts("login")
}

// reads visits a page, and checks what it shows.
func (p *tab) reads(page, want string) {
	p.t.Helper()
	p.goes(page)
	if got := p.text("p"); got != want {
		p.t.Errorf("%s shows %q, want %q", page, got, want)
	}
}

func (p *tab) goes(page string) {
	p.t.Helper()
	p.do("navigating to "+page, chromedp.Navigate(page))
}

// posts sends a request to a path, seen from the page.
func (p *tab) posts(path string) {
	p.t.Helper()
	p.is(fmt.Sprintf("fetch(%q, {method: 'POST'}).then((r) => r.status)", path), "200")
}
