package browser

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// chrome is a running headless Chromium.
type chrome struct {
	t     *testing.T
	ctx   context.Context
	quiet *quiet
}

// startChrome starts a Chromium that ends with the test.
func startChrome(t *testing.T, flags ...chromedp.ExecAllocatorOption) *chrome {
	t.Helper()
	program, quiet := findChrome(t), newQuiet(t)
	if quiet != nil {
		program = quiet.command(program)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.Flag("lang", "en-GB"),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium's sandbox does not run as root
	}
	options = append(options, flags...)
	allocator, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting Chromium: %v", err)
	}
	return &chrome{t, ctx, quiet}
}

// close ends the browser as its user does, so that it keeps what it has to keep.
func (c *chrome) close() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.ctx, patience)
	defer cancel()
	if err := chromedp.Cancel(ctx); err != nil {
		c.t.Fatalf("closing Chromium: %v", err)
	}
}

func findChrome(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const advice = "no Chromium: install Debian's package chromium, or run make setup"
	if os.Getenv("CI") != "" {
		t.Fatal(advice)
	}
	t.Skip(advice)
	return ""
}

// tab opens a tab that shares its cookies with this browser's others. Its page asks for nothing at intervals, so that all
// news which it shows were pushed by the server.
func (c *chrome) tab(n *node) *tab {
	c.t.Helper()
	p := openTab(c, n)
	p.withoutIntervals()
	p.visit(n)
	return p
}

// stranger opens a tab with cookies of its own, as somebody else's browser has.
func (c *chrome) stranger(n *node) *tab {
	c.t.Helper()
	p := openTab(c, n, chromedp.WithNewBrowserContext())
	p.visit(n)
	return p
}
