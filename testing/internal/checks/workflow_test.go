package checks

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is the part of a GitHub workflow that the tests look at.
type workflow struct {
	Permissions map[string]string
	Jobs        map[string]struct {
		Steps []struct {
			Uses, Run string
			Env       map[string]string
		}
	}
}

var (
	byCommit = regexp.MustCompile(`^[a-z-]+/[a-z-]+@[0-9a-f]{40}$`)
	usesLine = regexp.MustCompile(`(?m)^ *- uses: \S+ # v[0-9]+\.[0-9]+\.[0-9]+$`)
)

// TestWorkflows: actions are pinned by commit, with the release's name beside it, may only read, and somewhere the
// vulnerability scan has to run.
func TestWorkflows(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(top(t), ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	scans := false
	for _, file := range files {
		text := readFile(t, file)
		var w workflow
		if err := yaml.Unmarshal([]byte(text), &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		uses := 0
		for name, job := range w.Jobs {
			for _, step := range job.Steps {
				if step.Uses != "" && !byCommit.MatchString(step.Uses) {
					t.Errorf("%s: job %s uses %s, which is no commit", file, name, step.Uses)
				}
				if step.Uses != "" {
					uses++
				}
				scans = scans || strings.Contains(step.Run, "lint") && step.Env[scanVariable] == "required"
			}
		}
		if len(usesLine.FindAllString(text, -1)) != uses {
			t.Errorf("%s: not every action has its release beside it", file)
		}
		if len(w.Permissions) != 1 || w.Permissions["contents"] != "read" {
			t.Errorf("%s: its permissions are %v", file, w.Permissions)
		}
	}
	if !scans {
		t.Errorf("no workflow has %s required", scanVariable)
	}
}

const scanVariable = "SESSIONS_VULNERABILITIES"

// TestVulnerabilityScan: where the scan is required, a database that cannot be reached fails it; elsewhere that is said.
func TestVulnerabilityScan(t *testing.T) {
	for required, want := range map[string]int{"required": 1, "": 0} {
		cmd := exec.CommandContext(t.Context(), ".ci/vulnerabilities", "-db", "http://127.0.0.1:1")
		cmd.Dir = top(t)
		cmd.Env = append(os.Environ(), scanVariable+"="+required)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != want || len(out) == 0 {
			t.Errorf("%q: exit code %d, want %d: %s", required, code, want, out)
		}
	}
}
