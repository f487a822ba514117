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

// Each fails in another way: no folder, a folder that is a file, a name that is too long.
func TestAMetricsFileThatIsAURLIsNotRepeated(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("postgres:", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"postgresql://u:s3cret@h/d", "postgres://u:s3cret@h/d", strings.Repeat("x", 300) + ":s3cret@h", "no=s3cret/d",
	} {
		if err := (metricsFile{path: path}).check(); err == nil || strings.Contains(err.Error(), "s3c") {
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

// secretFile is a file that somebody else's link leads to, for its owner alone.
func secretFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shadow")
	if err := os.WriteFile(path, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func untouched(t *testing.T, path string) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "secret" {
		t.Errorf("%s holds %q, %v", path, text, err)
	}
}

func TestAPlantedLinkIsNotFollowed(t *testing.T) {
	target, dir := secretFile(t), t.TempDir()
	for name, leads := range map[string]string{"link": target, "dangling": target + ".new", "twice": filepath.Join(dir, "link")} {
		link := filepath.Join(dir, name)
		if err := os.Symlink(leads, link); err != nil {
			t.Fatal(err)
		}
		if err := (metricsFile{path: link}).check(); err == nil || !strings.Contains(err.Error(), "is a link") {
			t.Errorf("%s: check = %v", name, err)
		}
		// One that is planted between check and write.
		if err := (metricsFile{path: link, table: "sessions"}).write(store.CollectReport{}, time.Now(), nil); err != nil {
			t.Errorf("%s: write = %v", name, err)
		}
		if info, err := os.Lstat(link); err != nil || !info.Mode().IsRegular() {
			t.Errorf("%s: the link is now %v, %v", name, info.Mode(), err)
		}
	}
	untouched(t, target)
	if _, err := os.Stat(target + ".new"); err == nil {
		t.Error("a file was made behind the dangling link")
	}
}

// A second name of another file is a name like others: it is replaced, and the file keeps text and rights.
func TestAHardLinkKeepsItsFile(t *testing.T) {
	target := secretFile(t)
	m := metricsFile{path: filepath.Join(filepath.Dir(target), "m.prom"), table: "sessions"}
	err := errors.Join(os.Link(target, m.path), m.check(), m.write(store.CollectReport{}, time.Now(), nil))
	if err != nil {
		t.Fatal(err)
	}
	untouched(t, target)
}

func TestTheCommandsOwnOutputIsNotReplaced(t *testing.T) {
	output, err := os.Create(filepath.Join(t.TempDir(), "output"))
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	before := os.Stdout
	os.Stdout = output
	defer func() { os.Stdout = before }()
	if err := (metricsFile{path: output.Name()}).check(); err == nil {
		t.Error("the command's own output would be replaced")
	}
}

// What was there before is taken over if it can be a count, or a time up to now.
func TestNonsenseDoesNotStayInTheMetrics(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for text, want := range map[string]float64{
		"7": 7, "1e3": 1000, "NaN": 0, "nan": 0, "+Inf": 0, "-Inf": 0, "Inf": 0, "-1": 0, "1e300": 0, "many": 0, "": 0,
	} {
		m := metricsFile{path: filepath.Join(t.TempDir(), "m.prom"), table: "sessions"}
		line := m.series(deleted) + " " + text + "\n" + m.series(lastSuccess) + " " + text + "\n"
		if err := os.WriteFile(m.path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{deleted, lastSuccess} {
			if got := m.before(now)[name]; got != want {
				t.Errorf("%s %q: %v, want %v", name, text, got, want)
			}
		}
	}
}

// What a database is called may be anything, and the counter goes on under each name.
func TestLabelsAreEscaped(t *testing.T) {
	m := metricsFile{path: filepath.Join(t.TempDir(), "m.prom"), database: "a \"b\\\né", schema: "s", table: "sessions"}
	for range 2 {
		if err := m.write(store.CollectReport{Deleted: 3}, time.Now(), nil); err != nil {
			t.Fatal(err)
		}
	}
	const want = `sessions_gc_deleted_total{database="a \"b\\\né",schema="s",table="sessions"} 6` + "\n"
	if text, err := os.ReadFile(m.path); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("want %s in %s, %v", want, text, err)
	}
}

// OpenMetrics reserves the names that a counter's has without _total.
func TestNoGaugeHasTheNameOfACounter(t *testing.T) {
	text := metricsFile{table: "sessions"}.text(store.CollectReport{}, time.Now(), nil)
	counter := strings.TrimSuffix(deleted, "_total")
	if strings.Contains(text, "\n"+counter+"{") || strings.Contains(text, "# TYPE "+counter+" ") {
		t.Errorf("%s is in %s", counter, text)
	}
}

func TestALastSuccessInTheFutureIsNone(t *testing.T) {
	m := metricsFile{path: filepath.Join(t.TempDir(), "m.prom"), table: "sessions"}
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		start  time.Time
		failed error
		want   string
	}{
		{at.Add(time.Hour), nil, " 1800003600\n"},
		{at, errors.New("down"), " 0\n"},
	} {
		if err := m.write(store.CollectReport{}, c.start, c.failed); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(m.path); err != nil || !strings.Contains(string(text), m.series(lastSuccess)+c.want) {
			t.Errorf("want%s in %s, %v", c.want, text, err)
		}
	}
}
