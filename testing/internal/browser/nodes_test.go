package browser

import (
	"fmt"
	"testing"
)

// TestTwoNodes: two tabs of one browser, each on a node of its own, with one database.
func TestTwoNodes(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		browser := startChrome(t)
		a, b := start(t, database), start(t, database)
		p := browser.tab(a)
		p.live() // it has the cookie now, which the other is to find
		q := browser.tab(b)
		q.live()
		seeEachOther(p, q)
		changeInOne(p, q)
		countInBoth(p, q)
		keepUnsaved(p, q)
		rotateInOne(p, q)
		q.screenshot("two-nodes-" + scheme(database))
		p.click("#destroy")
		for _, tab := range []*tab{p, q} {
			tab.is(fmt.Sprintf(hidden, "#ended"), "false")
			tab.is("document.querySelector('#ended-code').textContent", "4001")
		}
		p.has("#ended-reason", "session destroyed")
		q.has("#ended-reason", reasonElsewhere(database, "session destroyed"))
		q.has("#log", "socket closed with 4001")
		q.screenshot("ended-on-other-node-" + scheme(database))
	})
}

func scheme(database string) string { return database[:6] }

// reasonElsewhere is what another node knows of a session's end: SQLite tells that there is no row any more.
func reasonElsewhere(database, reason string) string {
	if scheme(database) == "sqlite" {
		return "session gone"
	}
	return reason
}

func seeEachOther(p, q *tab) {
	p.t.Helper()
	for _, tab := range []*tab{p, q} {
		tab.is("document.querySelectorAll('#tabs li').length", "2")
		tab.has("#tabs .this", "this tab")
		tab.has("#tabs-count", "2 tabs")
	}
}

func changeInOne(p, q *tab) {
	p.t.Helper()
	p.add("colour", "teal")
	q.is(entry("colour"), `"teal"`)
	q.has("#log", "colour = \"teal\", by another tab or node")
	q.click("[data-key=colour] button.danger")
	p.is(entry("colour"), "undefined")
}

func countInBoth(p, q *tab) {
	p.t.Helper()
	p.click("#plus-many")
	q.click("#plus-many")
	for _, tab := range []*tab{p, q} {
		tab.is("document.querySelector('#counter').textContent", "128")
	}
}

// keepUnsaved: what one socket has not saved stays on top of what the other changes.
func keepUnsaved(p, q *tab) {
	p.t.Helper()
	p.click(".switch label:nth-of-type(2)")
	p.add("mine", "1")
	p.is(entry("mine"), "1")
	q.add("yours", "2")
	p.is(entry("yours"), "2")
	p.is(entry("mine"), "1")
	q.is(entry("mine"), "undefined")
	p.click("#save")
	q.is(entry("mine"), "1")
}

// rotateInOne: the other's socket ends and comes back with the browser's new cookie.
func rotateInOne(p, q *tab) {
	p.t.Helper()
	p.click("#rotate")
	for _, tab := range []*tab{p, q} {
		tab.has("#log", "4001: session rotated")
		tab.live()
		tab.is(entry("mine"), "1")
	}
	seeEachOther(p, q)
}

// TestUserEndsOtherSessions: somebody signs in with two browsers, on two nodes, and ends one from the other.
func TestUserEndsOtherSessions(t *testing.T) {
	onEach(t, func(t *testing.T, database string) {
		browser := startChrome(t)
		a, b := start(t, database), start(t, database)
		p, q := browser.stranger(a), browser.stranger(b)
		for _, tab := range []*tab{p, q} {
			tab.live()
			tab.fill("#name", "ada")
			tab.click("#sign-in button")
			tab.has("#user-name", "ada")
			tab.live()
		}
		p.is("document.querySelectorAll('#sessions li').length", "2")
		p.screenshot("user-" + scheme(database))
		p.click("#sessions button")
		q.has("#ended-reason", reasonElsewhere(database, "session revoked"))
		p.is("document.querySelectorAll('#sessions li').length", "1")
		q.click("#restart")
		q.live()
		q.is(fmt.Sprintf(hidden, "#sign-in"), "false")
		p.is(fmt.Sprintf(hidden, "#ended"), "true")
	})
}

// TestPageSurvivesAKill: a page that is open while its node is killed comes back to its session by itself.
func TestPageSurvivesAKill(t *testing.T) {
	browser := startChrome(t)
	n := start(t, sqliteURL(t))
	p := browser.tab(n)
	p.live()
	p.add("colour", "teal")
	p.is(entry("colour"), `"teal"`)
	n.kill()
	p.is("document.querySelector('#status').dataset.state", "connecting")
	n.start()
	p.live()
	p.add("more", "1")
	p.is(entry("more"), "1")
	p.is(entry("colour"), `"teal"`)
	p.is("document.querySelectorAll('#tabs li').length", "1")
}
