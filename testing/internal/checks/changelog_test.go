package checks

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	release = regexp.MustCompile(`^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$`)
	kinds   = []string{"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
)

// TestChangelog holds CHANGELOG.md to Keep a Changelog: Unreleased first, then versions with dates, and the six kinds of
// changes; every version has its link.
func TestChangelog(t *testing.T) {
	text := readFile(t, filepath.Join(top(t), "CHANGELOG.md"))
	var versions []string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "### "):
			if kind := strings.TrimPrefix(line, "### "); !slices.Contains(kinds, kind) {
				t.Errorf("CHANGELOG.md:%d: %q is not one of %v", i+1, kind, kinds)
			}
		case line == "## [Unreleased]":
			versions = append(versions, "Unreleased")
		case strings.HasPrefix(line, "## "):
			m := release.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("CHANGELOG.md:%d: %q is not `## [x.y.z] - YYYY-MM-DD`", i+1, line)
				continue
			}
			versions = append(versions, m[1])
		}
	}
	if len(versions) == 0 || versions[0] != "Unreleased" {
		t.Fatal("CHANGELOG.md does not begin with [Unreleased]")
	}
	for _, version := range versions {
		if !strings.Contains(text, "\n["+version+"]: https://") {
			t.Errorf("CHANGELOG.md has no link for [%s]", version)
		}
	}
}
