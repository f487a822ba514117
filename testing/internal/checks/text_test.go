package checks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	fenced  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inline  = regexp.MustCompile("`[^`\n]*`")
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestLinksResolve: a relative link names a file of the repository and, after a #, one of its headings. Links to other
// sites are not followed.
func TestLinksResolve(t *testing.T) {
	for _, page := range pages(t) {
		text := inline.ReplaceAllString(fenced.ReplaceAllString(readFile(t, filepath.Join(top(t), page)), ""), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if !strings.Contains(m[1], "://") && !strings.HasPrefix(m[1], "mailto:") {
				checkLink(t, page, m[1])
			}
		}
	}
}

func checkLink(t *testing.T, page, target string) {
	t.Helper()
	path, anchor, _ := strings.Cut(target, "#")
	file := filepath.Join(top(t), filepath.Dir(page), path)
	if path == "" {
		file = filepath.Join(top(t), page)
	}
	switch {
	case !exists(file):
		t.Errorf("%s links to %s, which is not there", page, target)
	case anchor != "" && !anchors(readFile(t, file))[anchor]:
		t.Errorf("%s links to %s, which has no such heading", page, target)
	}
}

// anchors returns what a page's headings are called in links.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := dropped.ReplaceAllString(strings.ToLower(strings.TrimSpace(m[1])), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}

// TestEveryPageIsLinked: a page that no other one names is a page that nobody finds.
func TestEveryPageIsLinked(t *testing.T) {
	linked := map[string]bool{"README.md": true}
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(readFile(t, filepath.Join(top(t), page)), -1) {
			path, _, _ := strings.Cut(m[1], "#")
			linked[filepath.Join(filepath.Dir(page), path)] = true
		}
	}
	for _, page := range pages(t) {
		folder := filepath.Dir(page)
		if !linked[page] && !linked[folder] {
			t.Errorf("no page links to %s", page)
		}
	}
}

// TestLineLength: at most 120 characters; only tables and links may be longer.
func TestLineLength(t *testing.T) {
	for _, name := range pages(t) {
		for i, line := range strings.Split(readFile(t, filepath.Join(top(t), name)), "\n") {
			width := utf8.RuneCountInString(line)
			if width > 120 && !strings.HasPrefix(line, "|") && !strings.Contains(line, "](") && !strings.Contains(line, "://") {
				t.Errorf("%s:%d has %d characters", name, i+1, width)
			}
		}
	}
}

var (
	issue  = regexp.MustCompile(`(?i)\b(issues?|tickets?|PR) #?[0-9]+\b|(^|[\s(])#[0-9]+\b`)
	strays = regexp.MustCompile(`/(home|root|work|Users)/`)
)

// TestTextSpeaksOfTheProjectAlone: no paths of somebody's machine and no numbers of issues, which mean nothing to who
// reads the code in another place.
func TestTextSpeaksOfTheProjectAlone(t *testing.T) {
	here, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range tracked(t) {
		if !isText(name) {
			continue
		}
		for i, line := range strings.Split(readFile(t, filepath.Join(top(t), name)), "\n") {
			if m := issue.FindString(line); m != "" && filepath.Ext(name) != ".html" && !strings.Contains(line, "://") {
				t.Errorf("%s:%d names an issue: %s", name, i+1, m)
			}
			if m := strays.FindString(line); m != "" {
				t.Errorf("%s:%d names a path of somebody's machine: %s", name, i+1, m)
			}
			if len(here) > 8 && strings.Contains(line, here) {
				t.Errorf("%s:%d names this machine", name, i+1)
			}
		}
	}
}

func isText(name string) bool {
	switch filepath.Ext(name) {
	case ".go", ".md", ".sh", ".sql", ".yml", ".yaml", ".txt", ".txtar", ".html", ".js", ".service", ".timer", "":
		return true
	}
	return false
}
