package cmd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// bin is the folder of the built commands. The process writes it once, before any test.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "sessions-cmd-")
	if err == nil {
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building the commands:", err)
		os.Exit(1)
	}
	bin = dir
	code := m.Run()
	stopCluster()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// build makes the binaries that a release would have: static ones.
func build(dir string) error {
	cmd := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./cmd/...")
	cmd.Dir = filepath.Join("..", "..", "..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

// rounds returns how often a test repeats what it leaves to chance: the value of the environment variable, or few.
func rounds(t *testing.T, variable string, few int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is no number of rounds: %q", variable, text)
	}
	return n
}

// absent fails the test in CI, where everything must be there, and skips it elsewhere.
func absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
