package main

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
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

// TestRedis runs scs on Redis, at the store and over HTTP, and fails on a wrong result. CI has a Redis.
func TestRedis(t *testing.T) {
	needRedis(t)
	var report, log bytes.Buffer
	args := []string{"-databases", "sqlite", "-work", "load,miss,save,http read sliding,http write", "-sides", "sessions,redis,redis always",
		"-rows", "1000", "-bytes", "400", "-rounds", "1", "-each", "20ms", "-callers", "4"}
	if err := run(t.Context(), args, &report, &log); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	for side := range redisSides {
		if n := strings.Count(report.String(), " | "+side+" | "); n != 5 {
			t.Errorf("%d rows beside %s, want 5:\n%s", n, side, &report)
		}
	}
}

// TestRedisKeepsItsLogAsItsSideSays asks the servers when they bring what to the disk, and sees them leave nothing behind.
func TestRedisKeepsItsLogAsItsSideSays(t *testing.T) {
	needRedis(t)
	for name, fsync := range redisSides {
		s, err := startRedis(t.Context(), fsync, 1)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for parameter, want := range map[string]string{"appendonly": "yes", "appendfsync": fsync, "dir": s.dir} {
			found, err := s.client.ConfigGet(t.Context(), parameter).Result()
			if err != nil || found[parameter] != want {
				t.Errorf("%s: %s is %q, %v, want %q", name, parameter, found[parameter], err, want)
			}
		}
		s.close()
		if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
			t.Errorf("%s: its directory is left: %v", name, err)
		}
	}
}

func TestRedisMayBeMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var report, log bytes.Buffer
	args := strings.Fields("-databases sqlite -work load -rows 1000 -bytes 400 -rounds 1 -each 20ms -callers 1")
	if err := run(t.Context(), args, &report, &log); err != nil || !strings.Contains(log.String(), errNoRedis.Error()) {
		t.Errorf("without a Redis: %v, and the log says\n%s", err, &log)
	}
	if err := run(t.Context(), append(args, "-sides", "sessions,redis"), &report, &log); err == nil {
		t.Error("without the Redis that was named, no error")
	}
}

func needRedis(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal(errNoRedis)
	}
	t.Skip(errNoRedis)
}

// TestBefore measures this build beside itself.
func TestBefore(t *testing.T) {
	var report, log bytes.Buffer
	args := []string{"-databases", "memory,sqlite", "-work", "save,http write", "-sides", "sessions,before", "-before", must(os.Executable()),
		"-rows", "1000", "-bytes", "400", "-rounds", "1", "-each", "20ms", "-callers", "1"}
	if err := run(t.Context(), args, &report, &log); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	if n := strings.Count(report.String(), " | before | "); n != 3 {
		t.Errorf("%d rows, want 3:\n%s", n, &report)
	}
}

func TestFlagsAreChecked(t *testing.T) {
	for _, args := range []string{"-rows 1", "-bytes 400,x", "-bytes 99", "-callers 0", "-callers x", "-work nothing", "-databases oracle", "-sides nobody", "extra", "-databases postgres"} {
		t.Setenv("SESSIONS_BENCH_POSTGRES_URL", "")
		if err := run(t.Context(), strings.Fields(args), new(bytes.Buffer), new(bytes.Buffer)); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
