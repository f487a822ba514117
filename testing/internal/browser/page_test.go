package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
)

// storedDraft is what the server gives a request for the entry that the socket has changed.
const storedDraft = "fetch('api/session').then((r) => r.json()).then((s) => s.data.draft)"

// TestPage clicks through everything that the page has, but for other tabs.
func TestPage(t *testing.T) {
	n := start(t, sqliteURL(t))
	p := startChrome(t).tab(n)
	p.live()
	p.has("#log", "no row, no cookie")
	p.screenshot("empty")
	for _, part := range []struct {
		name string
		do   func(*tab)
	}{
		{"entries", changeEntries},
		{"counter", countUp},
		{"socket", changeBySocket},
		{"errors", makeMistakes},
		{"rotate", rotate},
		{"looks", lookAtIt},
		{"reload", reloadPage},
		{"disconnect", disconnect},
		{"timeout", chooseTimeout},
		{"logout", logOut},
	} {
		// What follows relies on what went before.
		if !t.Run(part.name, func(t *testing.T) { p.on(t); part.do(p) }) {
			return
		}
	}
}

func changeEntries(p *tab) {
	p.add("colour", "teal")
	p.is(entry("colour"), `"teal"`)
	p.add("basket", `{"apples":3,"large":9007199254740993}`)
	p.is(entry("basket"), `{"apples":3,"large":9007199254740993}`)
	p.add("gone/soon?", "[1,2]")
	p.is(entry("gone/soon?"), "[1,2]")
	p.click("[data-key='gone/soon?'] button.danger")
	p.is(entry("gone/soon?"), "undefined")
	p.click("[data-key=colour] button")
	p.fill("[data-key=colour] textarea", "amber")
	p.click("[data-key=colour] button[type=submit]")
	p.is(entry("colour"), `"amber"`)
	p.is("document.querySelector('#state').textContent", "stored")
	p.is("document.querySelector('#count').textContent", "2")
}

func countUp(p *tab) {
	p.click("#plus")
	p.is("document.querySelector('#counter').textContent", "1")
	p.click("#plus-many")
	p.is("document.querySelector('#counter').textContent", "65")
}

// changeBySocket makes a change that only the socket sees until it is saved.
func changeBySocket(p *tab) {
	p.click(".switch label:nth-of-type(2)")
	p.add("draft", "42")
	p.is(entry("draft"), "42")
	p.is(fmt.Sprintf(hidden, "#unsaved"), "false")
	p.is(storedDraft, "undefined")
	p.screenshot("unsaved")
	p.click("#save")
	p.is(fmt.Sprintf(hidden, "#unsaved"), "true")
	p.is(storedDraft, "42")
	p.click("#plus")
	p.is("document.querySelector('#counter').textContent", "66")
	p.click("[data-key=draft] button.danger")
	p.is(entry("draft"), "undefined")
	p.click("#save")
	p.is(storedDraft, "undefined")
	p.click(".switch label:nth-of-type(1)")
}

// makeMistakes: the page says what was wrong and goes on.
func makeMistakes(p *tab) {
	for _, by := range []string{"1", "2"} {
		p.click(".switch label:nth-of-type(" + by + ")")
		p.add("bad", `"\u0000"`)
		p.has("#problem:not([hidden])", "U+0000")
		p.add("counter", "1.5")
		p.is("document.querySelector('#counter').textContent", "1.5")
		p.click("#plus")
		p.has("#problem:not([hidden])", "not an integer")
		p.add("counter", "66")
		p.is("document.querySelector('#counter').textContent", "66")
		p.is(fmt.Sprintf(hidden, "#problem"), "true")
	}
	p.click("#save")
	p.is(fmt.Sprintf(hidden, "#unsaved"), "true")
	p.click(".switch label:nth-of-type(1)")
}

// rotate changes the token beneath the open socket: the page comes back with the new one, also where it had something that
// was not saved.
func rotate(p *tab) {
	p.click(".switch label:nth-of-type(2)")
	p.add("unsaved", "true")
	p.is(fmt.Sprintf(hidden, "#unsaved"), "false")
	p.click("#rotate")
	p.has("#log", "4001: session rotated")
	p.live()
	p.is(entry("unsaved"), "true")
	p.is(entry("colour"), `"amber"`)
	p.is(fmt.Sprintf(hidden, "#ended"), "true")
	p.click(".switch label:nth-of-type(1)")
	p.click("[data-key=unsaved] button.danger")
	p.is(entry("unsaved"), "undefined")
}

func lookAtIt(p *tab) {
	p.add("profile", `{"name":"Ada","languages":["en","fr"],"newsletter":false,"visits":[3,5,8,13,21]}`)
	for _, scheme := range []string{"light", "dark"} {
		p.looks(scheme, 1280, 900)
		p.screenshot("page-" + scheme)
		p.looks(scheme, 390, 844)
		p.fits()
		p.screenshot("phone-" + scheme)
	}
	for _, width := range []int64{320, 360, 375, 430, 600, 768, 899, 1024} {
		p.looks("light", width, 800)
		p.fits()
	}
	p.named()
	p.looks("light", 1280, 900)
}

func reloadPage(p *tab) {
	p.do("reloading", chromedp.Reload())
	p.live()
	p.has("#log", "the session was found")
	p.is(entry("colour"), `"amber"`)
}

// disconnect closes the socket: the page goes on by HTTP.
func disconnect(p *tab) {
	p.click("#connect")
	p.is("document.querySelector('#status').textContent", "HTTP only")
	p.add("offline", "1")
	p.is(entry("offline"), "1")
	p.click("#rotate")
	p.has("#log li", "rotated")
	p.is(entry("offline"), "1")
	p.click("#connect")
	p.live()
}

func chooseTimeout(p *tab) {
	p.eval("((s) => { s.value = '60'; s.dispatchEvent(new Event('change')) })(document.querySelector('#timeout'))")
	p.has("#log", "idle timeout: 1 min")
	p.is("fetch('api/session').then((r) => r.json()).then((s) => s.timeout_seconds)", "60")
	p.is("document.querySelector('#left').textContent.startsWith('0:') || document.querySelector('#left').textContent", "true")
}

func logOut(p *tab) {
	p.click("#destroy")
	p.is(fmt.Sprintf(hidden, "#ended"), "false")
	p.has("#ended", "4001")
	p.has("#ended-reason", "session destroyed")
	p.screenshot("ended")
	p.click("#restart")
	p.live()
	p.is(fmt.Sprintf(hidden, "#ended"), "true")
	p.is("document.querySelector('#count').textContent", "0")
}
