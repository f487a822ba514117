package main

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the program of a child.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestEveryWorkload runs each workload for an instant on the databases that need no server. A wrong result of any
// operation fails; how long it takes does not.
func TestEveryWorkload(t *testing.T) {
	out := t.TempDir()
	var report, log bytes.Buffer
	args := []string{"-rows", "1000", "-rounds", "1", "-each", "20ms", "-callers", "1,8", "-out", out}
	if err := run(t.Context(), args, &report, &log); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	for _, w := range workloads {
		if !strings.Contains(report.String(), "| sqlite | "+w.name+" |") {
			t.Errorf("no result for %q on SQLite:\n%s", w.name, &report)
		}
	}
	plots, err := filepath.Glob(filepath.Join(out, "*.svg"))
	if err != nil || len(plots) < len(workloads) {
		t.Errorf("%d plots, %v", len(plots), err)
	}
	for _, name := range plots {
		text, err := os.ReadFile(name)
		if err != nil || bytes.Contains(text, []byte("%!")) || xml.Unmarshal(text, new(struct{ XMLName xml.Name })) != nil {
			t.Errorf("%s is no drawing: %v\n%s", name, err, text)
		}
	}
	raw, err := os.ReadFile(filepath.Join(out, "sessions.txt"))
	if err != nil || !bytes.HasPrefix(raw, []byte("Benchmark/")) {
		t.Errorf("raw results: %.60q, %v", raw, err)
	}
}

func TestOneSideAlone(t *testing.T) {
	for _, side := range []string{"sessions", "scs"} {
		var report, log bytes.Buffer
		args := strings.Fields("-databases sqlite -work load -rows 1000 -rounds 1 -each 20ms -callers 1 -sides " + side)
		if err := run(t.Context(), args, &report, &log); err != nil || !strings.Contains(report.String(), "| sqlite | load | 1 | ") {
			t.Errorf("%s: %v\n%s%s", side, err, &report, &log)
		}
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range []string{"-rows 1", "-callers 0", "-callers x", "-work nothing", "-databases oracle", "-sides nobody", "extra", "-databases postgres"} {
		t.Setenv("SESSIONS_BENCH_POSTGRES_URL", "")
		if err := run(t.Context(), strings.Fields(args), new(bytes.Buffer), new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
