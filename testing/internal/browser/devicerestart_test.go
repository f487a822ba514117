package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestBindingOutlives: what ends no session ends no binding either, neither in the browser nor on the nodes.
func TestBindingOutlives(t *testing.T) {
	s := newDeviceSite(t)
	profile := chromedp.UserDataDir(t.TempDir())
	browser := s.browser(profile)
	p := s.visitor(browser)
	p.eval("fetch('/login', {method: 'POST'})")
	eventually(t, "registration", p.isBound(s))
	t.Run("a database that is down", func(t *testing.T) {
		p.on(t)
		s.whileDown(p)
		p.yields(s, fetched, one)
		p.yields(s, fetched, "[]")
	})
	t.Run("a database that goes down between a challenge and its answer", func(t *testing.T) {
		p.on(t)
		s.downAfterTheChallenge(p)
		p.yields(s, fetched, "[200]")
		p.yields(s, fetched, "[]")
	})
	t.Run("a restart of the browser", func(t *testing.T) {
		p.checkProblems()
		browser.close()
		p := s.visitor(s.browser(profile))
		p.on(t)
		p.yields(s, fetched, "[]")
		p.forget(s)
		p.yields(s, fetched, one)
	})
}

const (
	tableAway = "alter table sessions rename to away"
	tableBack = "alter table away rename to sessions"

	status = "fetch('/owner').then((r) => r.status)"
)

// downAfterTheChallenge makes a request of a browser whose proof has ended, and takes the table away when the browser
// answers the challenge that it gets for that.
func (s *deviceSite) downAfterTheChallenge(p *tab) {
	p.t.Helper()
	p.forget(s)
	s.failing.Store(true)
	defer s.execute(tableBack)
	p.is(status, "503")
	if got := s.refreshes(); got != "[403 503]" {
		p.t.Errorf("refreshes: %s", got)
	}
}

// whileDown makes requests of a browser whose proof has ended, while the nodes have no table: a refresh is tried, and told
// to come again.
func (s *deviceSite) whileDown(p *tab) {
	p.t.Helper()
	p.forget(s)
	s.execute(tableAway)
	defer s.execute(tableBack)
	for range 2 {
		p.is(status, "503")
		if got := s.refreshes(); got != "[503]" {
			p.t.Errorf("refreshes: %s", got)
		}
	}
}

func (s *deviceSite) execute(statement string) {
	s.t.Helper()
	execute(s.t, s.database, statement)
}
