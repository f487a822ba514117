package gc

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

func TestOnlyPlainPathsAreShown(t *testing.T) {
	for in, want := range map[string]string{
		"live.db": "live.db", "/var/lib/my app/ä.db": "/var/lib/my app/ä.db", "": "(0 bytes, not shown)",
		"postgres://u:p@h/d": "(18 bytes, not shown)", "host=h password=p": "(17 bytes, not shown)",
		"\x1b[2J": "(4 bytes, not shown)",
	} {
		if got := shown(in); got != want {
			t.Errorf("shown(%q) = %q, want %q", in, got, want)
		}
	}
}

// Each fails in another way: no folder, a folder that is a file, a name that is too long.
func TestAMetricsFileThatIsAURLIsNotRepeated(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("postgres:", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"postgresql://u:s3cret@h/d", "postgres://u:s3cret@h/d", strings.Repeat("x", 300) + ":s3cret@h", "no=s3cret/d",
	} {
		if err := (&metricsFile{path: path}).check(); err == nil || strings.Contains(err.Error(), "s3c") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestAMetricsFileThatCannotBeReplacedIsNamed(t *testing.T) {
	m := metricsFile{path: filepath.Join(t.TempDir(), "sessions.prom")}
	if err := os.MkdirAll(filepath.Join(m.path, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	err := m.write(store.CollectReport{}, time.Now(), nil)
	if err == nil || !strings.HasPrefix(err.Error(), "metrics file: "+m.path+": ") || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(m.path), ".sessions-gc*")); len(left) > 0 {
		t.Errorf("%q stays behind", left)
	}
}

// The file is replaced, and a link to it is not.
func TestMetricsFileBehindALink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, strings.Repeat("x", 250)+".prom"), filepath.Join(dir, "link.prom")
	if err := errors.Join(os.WriteFile(target, nil, 0o600), os.Symlink(target, link)); err != nil {
		t.Fatal(err)
	}
	m := metricsFile{path: link, table: "sessions"}
	if err := errors.Join(m.check(), m.write(store.CollectReport{Deleted: 3}, time.Unix(1, 0), nil)); err != nil {
		t.Fatal(err)
	}
	if at, err := os.Readlink(link); err != nil || at != target {
		t.Errorf("the link leads to %q, %v", at, err)
	}
	if text, err := os.ReadFile(target); err != nil || !strings.Contains(string(text), `sessions_gc_deleted{table="sessions"} 3`) {
		t.Errorf("the file has %q, %v", text, err)
	}
	output, err := os.Create(filepath.Join(dir, "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	before := os.Stdout
	os.Stdout = output
	defer func() { os.Stdout = before }()
	if err := (&metricsFile{path: output.Name()}).check(); err == nil {
		t.Error("the command's own output would be replaced")
	}
}
