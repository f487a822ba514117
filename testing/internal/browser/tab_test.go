package browser

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab with a page of examples/live. What goes wrong in the page fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string
	network  string // the last request's failure to reach the server
}

func openTab(c *chrome, n *node, options ...chromedp.ContextOption) *tab {
	c.t.Helper()
	c.quiet.pass(n.addr)
	p := &tab{t: c.t}
	var cancel context.CancelFunc
	p.ctx, cancel = chromedp.NewContext(c.ctx, append(options, chromedp.WithListener(p.listen))...)
	c.t.Cleanup(cancel)
	// The first run must not have a deadline: the tab closes when its context ends.
	if err := chromedp.Do(p.ctx); err != nil {
		c.t.Fatalf("opening a tab: %v", err)
	}
	c.t.Cleanup(p.checkProblems)
	return p
}

func (p *tab) visit(n *node) {
	p.t.Helper()
	p.do("opening the page", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(n.url("/")))
}

// withoutIntervals leaves the page its dial, which moves twice a second, and takes its slower timers away.
func (p *tab) withoutIntervals() {
	p.t.Helper()
	const script = `{ const every = setInterval; window.setInterval = (f, ms) => (ms < 1000 ? every(f, ms) : 0); }`
	_, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument,
		page.AddScriptToEvaluateOnNewDocumentParams{Source: script})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, describe(e.ExceptionDetails))
	case *network.EventLoadingFailed:
		p.network = e.ErrorText
	}
}

func describe(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return fmt.Sprintf("%s %s", d.Text, d.Exception.Description)
	}
	return d.Text
}

func (p *tab) checkProblems() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("in the page: %s", problem)
	}
}

// on makes a subtest's failures its own.
func (p *tab) on(t *testing.T) {
	outer := p.t
	p.t = t
	t.Cleanup(func() { p.t = outer })
}

func (p *tab) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", what, err)
	}
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.do("clicking "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill replaces what a field holds.
func (p *tab) fill(selector, text string) {
	p.t.Helper()
	p.eval(fmt.Sprintf("document.querySelector(%q).value = ''", selector))
	p.do("filling "+selector, chromedp.SendKeys(chromedp.CSS(selector), text))
}

// add adds an entry by the form.
func (p *tab) add(key, value string) {
	p.t.Helper()
	p.fill("#add-key", key)
	p.fill("#add-value", value)
	p.click("#add button")
}

// withLog adds to a failure what the page says has happened.
func (p *tab) withLog(err error) error {
	if err == nil {
		return nil
	}
	p.mu.Lock()
	failure := p.network
	p.mu.Unlock()
	return fmt.Errorf("%w; network: %q; the page says: %s", err, failure, p.eval("[...document.querySelectorAll('#log li')].slice(0, 30).map((l) => l.textContent).join('; ')"))
}

// is waits until a JavaScript expression has a value.
func (p *tab) is(expression, want string) {
	p.t.Helper()
	eventually(p.t, expression, func() error {
		got := p.eval(expression)
		if got != want {
			return p.withLog(fmt.Errorf("is %q, not %q", got, want))
		}
		return nil
	})
}

// has waits until the text of an element has a part.
func (p *tab) has(selector, part string) {
	p.t.Helper()
	eventually(p.t, selector, func() error {
		if got := p.text(selector); !strings.Contains(got, part) {
			return fmt.Errorf("shows %q, not %q", got, part)
		}
		return nil
	})
}

// eval returns the value of an expression, as text.
func (p *tab) eval(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	wrapped := "Promise.resolve(" + expression + ").then(String)"
	value, err := chromedp.Run(ctx, chromedp.Evaluate[string](wrapped, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

func (p *tab) text(selector string) string {
	p.t.Helper()
	return p.eval(fmt.Sprintf("document.querySelector(%q)?.textContent ?? ''", selector))
}

// entry is the expression of an entry's value, undefined where it is not shown.
func entry(key string) string {
	return fmt.Sprintf("document.querySelector('[data-key=%q] .value')?.textContent", key)
}

const hidden = "document.querySelector(%q).hidden"

// live waits until the page's socket is open.
func (p *tab) live() {
	p.t.Helper()
	p.is("document.querySelector('#status').dataset.state", "live")
	p.is(fmt.Sprintf(hidden, "#problem"), "true")
}

// screenshot saves what the page shows from top to bottom.
func (p *tab) screenshot(name string) {
	p.t.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatalf("taking a screenshot: %v", err)
	}
	path := filepath.Join(screenshots(p.t), name+".png")
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
	p.t.Log("screenshot:", path)
}

// screenshots returns the folder for them.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("SESSIONS_SCREENSHOTS")
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "sessions-screenshots")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// looks makes the page look as on a device.
func (p *tab) looks(scheme string, width, height int64) {
	p.t.Helper()
	feature := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: scheme}
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia,
		emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{feature}})
	if err != nil {
		p.t.Fatalf("emulating %s: %v", scheme, err)
	}
	p.do("resizing", chromedp.EmulateViewport(width, height))
}
