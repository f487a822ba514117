package checks

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// modulePath is the root module's; the nested ones begin with it.
const modulePath = "github.com/simples-go/sessions"

// top returns the repository's root folder.
func top(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// run returns what the command prints; its failure fails the test. env goes before the environment of the test.
func run(t testing.TB, dir string, env []string, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, stdout.Bytes(), stderr.Bytes())
	}
	return stdout.String()
}

// lines splits what a command prints, without the last line's end.
func lines(output string) []string {
	output = strings.TrimRight(output, "\n")
	if output == "" {
		return nil
	}
	return strings.Split(output, "\n")
}

// tracked returns the repository's files, relative to its root: those that git knows and those that it would add.
func tracked(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, name := range lines(run(t, top(t), nil, "git", "ls-files", "--cached", "--others", "--exclude-standard")) {
		if _, err := os.Stat(filepath.Join(top(t), name)); err == nil {
			files = append(files, name)
		}
	}
	return files
}

// withExt returns the files whose name ends in ext.
func withExt(files []string, ext string) []string {
	var out []string
	for _, name := range files {
		if filepath.Ext(name) == ext {
			out = append(out, name)
		}
	}
	return out
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// removeAll removes folders of the module cache too, which are read-only.
func removeAll(t testing.TB, dir string) {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o755)
		}
		return err
	})
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// absent fails the test in CI, where everything must be there, and skips it elsewhere.
func absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// output is run for commands that need no context and no folder, also in a cleanup.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Errorf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}
