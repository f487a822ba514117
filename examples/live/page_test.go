package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

func TestPageNeedsNoSession(t *testing.T) {
	s := newServer(t)
	c := s.client(t)
	resp, body := c.do(http.MethodGet, "/", "")
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<title>Live session</title>") {
		t.Fatalf("%d %.200s", resp.StatusCode, body)
	}
	if resp.Header.Get("Set-Cookie") != "" || s.store.Len() > 0 {
		t.Error("the page makes a session")
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
}

// TestPageLoadsItsOwnFilesAlone: every file that the page and its modules name is embedded, and none comes from elsewhere.
func TestPageLoadsItsOwnFilesAlone(t *testing.T) {
	c := newServer(t).client(t)
	named := regexp.MustCompile(`(?:src|href)="([^"]+)"|from "\./([^"]+)"`)
	seen := map[string]bool{}
	var visit func(string)
	visit = func(path string) {
		if seen[path] {
			return
		}
		seen[path] = true
		for _, m := range named.FindAllStringSubmatch(c.want(http.StatusOK, http.MethodGet, path, ""), -1) {
			visit("/" + m[1] + m[2])
		}
	}
	visit("/")
	for _, path := range []string{"/main.js", "/style.css", "/icon.svg", "/socket.js"} {
		if !seen[path] {
			t.Errorf("the page does not load %s", path)
		}
	}
}

func TestBrowserName(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                            "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/1": "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile Safari/604.1":      "Safari on iPhone",
		"curl/8.5.0": "curl",
		"":           "Unknown browser",
	} {
		if got := browserName(agent); got != want {
			t.Errorf("%q: %q, want %q", agent, got, want)
		}
	}
}
