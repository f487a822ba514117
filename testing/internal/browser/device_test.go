package browser

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

const (
	fetched  = "fetch('/owner').then((r) => r.text())"
	streamed = `new Promise((done) => {
		const events = new EventSource("/events");
		events.onmessage = (e) => { events.close(); done(e.data); };
		events.onerror = () => { events.close(); done("failed"); };
	})`
	socketed = `new Promise((done) => {
		const socket = new WebSocket("wss://" + location.host + "/socket");
		socket.onmessage = (e) => { socket.close(); done(e.data); };
		socket.onerror = () => done("failed");
	})`
	shown = "document.querySelector('p').textContent"

	// one is a refresh: the challenge, and its answer.
	one = "[403 200]"
)

// TestDeviceBoundSession: a browser binds its session after the login, proves its device again whenever that is due, on
// another node than the one that asked, and has each kind of request wait for it, whichever node serves that. Copied cookies
// open nothing afterwards.
func TestDeviceBoundSession(t *testing.T) {
	s := newDeviceSite(t)
	browser := s.browser()
	p := s.visitor(browser)
	p.eval("fetch('/login', {method: 'POST'})")
	eventually(t, "registration", p.isBound(s))
	p.yields(s, fetched, "[]")

	for name, expression := range map[string]string{
		"fetch":        fetched,
		"event stream": streamed,
		"WebSocket":    socketed,
		"many at once": "Promise.all(Array.from({length: 6}, () => " + fetched + ")).then((all) => [...new Set(all)])",
	} {
		t.Run(name, func(t *testing.T) {
			p.on(t)
			p.forget(s)
			p.yields(s, expression, one)
		})
	}
	t.Run("navigation", func(t *testing.T) {
		p.on(t)
		s.navigations()
		for range s.nodes {
			p.forget(s)
			p.do("navigating", chromedp.Navigate(s.URL))
			p.yields(s, shown, one)
		}
		if got := s.navigations(); got != "[1 1]" {
			t.Errorf("navigations by node: %s", got)
		}
	})
	if n := s.unproven.Load(); n != 0 {
		t.Errorf("%d requests of the browser came without a proof", n)
	}
	t.Run("link on another site", func(t *testing.T) {
		p.on(t)
		p.forget(s)
		p.follow(s)
		p.comes(s.URL + "/?linked ann")
		p.yields(s, shown, one)
	})
	t.Run("link in a browser without the key", func(t *testing.T) {
		thief := s.visitor(browser, chromedp.WithNewBrowserContext())
		thief.on(t)
		thief.take(s, p.cookies(s))
		thief.follow(s)
		thief.comes(s.URL + "/?linked unproven")
	})
	t.Run("copied cookies", func(t *testing.T) {
		p.on(t)
		s.copiedCookies(t, p)
	})
	t.Run("logout", func(t *testing.T) {
		p.on(t)
		s.logout(p)
	})
}

// copiedCookies opens the session with both cookies until the browser has proved its device again, and never after.
func (s *deviceSite) copiedCookies(t *testing.T, p *tab) {
	t.Helper()
	copied := p.cookies(s)
	if len(copied) != 2 {
		t.Fatalf("%d cookies", len(copied))
	}
	if got := s.opens(copied); got != "ann" {
		t.Fatalf("copied cookies whose proof lasts open the session of %q: the test shows nothing", got)
	}
	p.forget(s)
	p.yields(s, fetched, one)
	for range s.nodes {
		if got := s.opens(copied); got != "unproven" {
			t.Errorf("copied cookies open the session of %q after a refresh", got)
		}
	}
	p.yields(s, fetched, "[]") // the browser does not pay for it
}

// logout ends the binding: the browser asks once more, is told, and never asks again.
func (s *deviceSite) logout(p *tab) {
	p.t.Helper()
	p.eval("fetch('/logout', {method: 'POST'})")
	if got := len(p.cookies(s)); got != 0 {
		p.t.Errorf("%d cookies after the logout", got)
	}
	p.is(fetched, "")
	if got := s.refreshes(); got != "[200]" {
		p.t.Errorf("refreshes after the logout: %s", got)
	}
	p.is(fetched, "")
	if got := s.refreshes(); got != "[]" {
		p.t.Errorf("the browser keeps the binding: %s", got)
	}
}

// yields evaluates an expression that asks for the owner, and checks which refreshes that took.
func (p *tab) yields(s *deviceSite, expression, refreshes string) {
	p.t.Helper()
	if got := p.eval(expression); got != "ann" {
		p.t.Errorf("%s gives %q", expression, got)
	}
	if got := s.refreshes(); got != refreshes {
		p.t.Errorf("refreshes: %s, want %s", got, refreshes)
	}
}

// follow follows a link to the site on a page of another one.
func (p *tab) follow(s *deviceSite) {
	p.t.Helper()
	p.do("navigating to another site", chromedp.Navigate(strings.Replace(s.URL, "127.0.0.1", "localhost", 1)))
	p.is(shown, "")
	p.click("a")
}

// comes waits until the tab shows a page, by its address and the owner in it. Pages may come and go meanwhile.
func (p *tab) comes(page string) {
	p.t.Helper()
	const shows = "location.href + ' ' + document.querySelector('p')?.textContent"
	eventually(p.t, page, func() error {
		got, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](shows))
		if err == nil && got != page {
			err = fmt.Errorf("shows %q", got)
		}
		return err
	})
}

// take puts the session's cookie, copied from elsewhere, into the tab's browser.
func (p *tab) take(s *deviceSite, copied []*network.Cookie) {
	p.t.Helper()
	for _, c := range copied {
		if c.Name != tokenCookie {
			continue
		}
		params := network.SetCookieParams{Name: c.Name, Value: c.Value, URL: s.URL, Path: "/", Secure: new(true), HTTPOnly: new(true),
			SameSite: c.SameSite}
		if _, err := chromedp.Call(p.ctx, network.SetCookie, params); err != nil {
			p.t.Fatal(err)
		}
	}
}

// forget deletes the proof, as its end does.
func (p *tab) forget(s *deviceSite) {
	p.t.Helper()
	if err := p.isBound(s)(); err != nil {
		p.t.Fatal(err)
	}
	params := network.DeleteCookiesParams{Name: proofCookie, URL: s.URL}
	if _, err := chromedp.Call(p.ctx, network.DeleteCookies, params); err != nil {
		p.t.Fatal(err)
	}
}

// cookies are those that the browser has for the site.
func (p *tab) cookies(s *deviceSite) []*network.Cookie {
	p.t.Helper()
	result, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{URLs: []string{s.URL}})
	if err != nil {
		p.t.Fatal(err)
	}
	return result.Cookies
}

// isBound checks that the browser has a proof.
func (p *tab) isBound(s *deviceSite) func() error {
	return func() error {
		for _, cookie := range p.cookies(s) {
			if cookie.Name == proofCookie {
				return nil
			}
		}
		return http.ErrNoCookie
	}
}

// opens says whose session cookies open, sent from elsewhere.
func (s *deviceSite) opens(cookies []*network.Cookie) string {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.URL+"/owner", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, c := range cookies {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}
