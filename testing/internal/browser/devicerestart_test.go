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

// whileDown makes requests of a browser whose proof has ended, while the nodes have no table: a refresh is tried, and told
// to come again.
func (s *deviceSite) whileDown(p *tab) {
	p.t.Helper()
	p.forget(s)
	s.execute("alter table sessions rename to away")
	defer s.execute("alter table away rename to sessions")
	const status = "fetch('/owner').then((r) => r.status)"
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
