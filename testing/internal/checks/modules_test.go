package checks

import (
	"path/filepath"
	"slices"
	"testing"
)

// TestWorkspaceIsWhole: every module of the repository is in go.work, so that one command tests it.
func TestWorkspaceIsWhole(t *testing.T) {
	used := lines(run(t, top(t), nil, "go", "list", "-m", "-f", "{{.Dir}}"))
	for _, name := range tracked(t) {
		if dir := filepath.Join(top(t), filepath.Dir(name)); filepath.Base(name) == "go.mod" && !slices.Contains(used, dir) {
			t.Errorf("%s is not in go.work", name)
		}
	}
}

// TestModulesAreTidy: go.mod and go.sum say what the code needs, also outside of the workspace, which hides what is
// missing.
func TestModulesAreTidy(t *testing.T) {
	for _, dir := range lines(run(t, top(t), nil, "go", "list", "-m", "-f", "{{.Dir}}")) {
		name, _ := filepath.Rel(top(t), dir)
		t.Run(name, func(t *testing.T) {
			run(t, dir, []string{"GOWORK=off", "GOFLAGS=-mod=mod"}, "go", "mod", "tidy", "-diff")
		})
	}
}
