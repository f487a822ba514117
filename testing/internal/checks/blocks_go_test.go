package checks

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGoBlocks compiles and vets every Go block of the documentation and runs those that are tests or examples.
func TestGoBlocks(t *testing.T) {
	dir, env := workspace(t)
	var tests []string
	for _, b := range blocks(t, "go") {
		if strings.HasPrefix(b.args, "file=") && hasShell(blocksOf(t, b.page)) {
			continue // compiled where the page's shell blocks are run
		}
		src, err := wrap(b)
		if err != nil {
			t.Errorf("%s:%d: %v", b.page, b.line, err)
			continue
		}
		folder := b.folder()
		for file, text := range src.files {
			writeFile(t, filepath.Join(dir, folder, file), text)
		}
		if src.test {
			tests = append(tests, "./"+folder)
		}
	}
	run(t, dir, env, "go", append(raced("vet"), "./...")...)
	if len(tests) > 0 {
		t.Log(run(t, dir, env, "go", append(raced("test"), tests...)...))
	}
}

var odd = regexp.MustCompile(`[^a-z0-9]+`)

// folder names a package after its block; the files of one page stand together.
func (b block) folder() string {
	page := odd.ReplaceAllString(strings.ToLower(b.page), "_")
	if file, ok := strings.CutPrefix(b.args, "file="); ok {
		return filepath.Join(page, filepath.Dir(file))
	}
	return fmt.Sprintf("%s_%d", page, b.line)
}

// workspace returns an empty module's folder and the environment in which the go command finds all modules of this
// repository from there.
func workspace(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	var work strings.Builder
	work.WriteString("go 1.26.0\n\nuse .\n")
	for _, module := range lines(run(t, top(t), nil, "go", "list", "-m", "-f", "{{.Dir}}")) {
		fmt.Fprintf(&work, "use %s\n", module)
	}
	writeFile(t, filepath.Join(dir, "go.work"), work.String())
	if sums := filepath.Join(top(t), "go.work.sum"); exists(sums) {
		writeFile(t, filepath.Join(dir, "go.work.sum"), readFile(t, sums))
	}
	writeFile(t, filepath.Join(dir, "go.mod"), "module example.org/blocks\n\ngo 1.26.0\n")
	return dir, []string{"GOWORK=" + filepath.Join(dir, "go.work")}
}

// raced adds -race to a go command where this test was built with it, so that what it compiles is compiled already.
func raced(command string) []string {
	if race {
		return []string{command, "-race"}
	}
	return []string{command}
}
