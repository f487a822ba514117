package checks

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestReadmesCommands: the README names two commands for a clone, and these are the ones.
func TestReadmesCommands(t *testing.T) {
	var got []string
	for _, b := range blocksOf(t, "README.md") {
		if b.lang == "sh" && strings.HasPrefix(b.note, "run by") {
			got = append(got, strings.TrimSpace(b.text))
		}
	}
	if want := "go run ./examples/live, make test"; strings.Join(got, ", ") != want {
		t.Errorf("README.md names %q", got)
	}
}

var target = regexp.MustCompile("(?m)^ *make ([a-z]+)|`make ([a-z]+)[` ]")

// TestMakeTargets: every target that a page names is one that make knows; `make test` runs the tests of all modules.
func TestMakeTargets(t *testing.T) {
	named := map[string]bool{"test": true}
	for _, page := range pages(t) {
		for _, m := range target.FindAllStringSubmatch(readFile(t, filepath.Join(top(t), page)), -1) {
			named[m[1]+m[2]] = true
		}
	}
	for name := range named {
		plan := run(t, top(t), nil, "make", "--dry-run", name)
		if name == "test" && !strings.Contains(plan, "\n.ci/test\n") {
			t.Errorf("make test would run:\n%s", plan)
		}
	}
}

// TestLiveExample runs README.md's first command, on another port and file, and looks at the page.
func TestLiveExample(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	addr := "127.0.0.1:" + freePort(t)
	database := "sqlite:" + filepath.Join(t.TempDir(), "live.db")
	command := strings.Join(raced("go run"), " ") + " ./examples/live -addr " + addr + " -database-url " + database
	box := &sandbox{dir: top(t), env: nil, port: addr[strings.LastIndex(addr, ":")+1:]}
	box.start(t, block{page: "README.md", text: command})

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), "<title>") {
		t.Errorf("the page is %d, %v: %.200s", response.StatusCode, err, body)
	}
}
