package cmd

import (
	"database/sql"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// target is a migrated database with expired rows in it.
type target struct {
	url, driver, source string
}

func (d target) count(t *testing.T) int {
	t.Helper()
	return number(t, d.driver, d.source, "select count(*) from sessions")
}

const (
	fillSQLite = `with recursive n(i) as (select 1 union all select i+1 from n where i < 5000)
		insert into sessions (id, secret_hash, data, version, created_at, accessed_at, expires_at)
		select randomblob(16), randomblob(32), '{}', 1, 0, 0, i from n`
	fillPostgres = `insert into sessions (id, secret_hash, data, version, created_at, expires_at)
		select gen_random_uuid(), sha256('x'), '{}', 1, 'epoch', timestamptz 'epoch' + i * interval '1 ms'
		from generate_series(1, 5000) i`
)

// filled returns both databases, each with 5000 expired rows.
func filled(t *testing.T) map[string]func(*testing.T) target {
	t.Helper()
	return map[string]func(*testing.T) target{
		"sqlite": func(t *testing.T) target {
			file := filepath.Join(t.TempDir(), "live.db")
			return fill(t, target{"sqlite:" + file, "sqlite", "file:" + file + "?_pragma=busy_timeout(60000)"}, fillSQLite)
		},
		"postgres": func(t *testing.T) target {
			url := database(t)
			return fill(t, target{url, "pgx", url}, fillPostgres)
		},
	}
}

func fill(t *testing.T, d target, statement string) target {
	t.Helper()
	succeed(t, d.url, "sessions-migrate", "up")
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
	return d
}

// slowly starts a run that takes minutes, and waits until it has deleted something.
func slowly(t *testing.T, d target, flags ...string) *process {
	t.Helper()
	p := start(t, d.url, "sessions-gc", append([]string{"--batch", "10", "--pause", "200ms"}, flags...)...)
	eventually(t, "a batch is deleted", func() bool { return d.count(t) < 5000 })
	return p
}

// report is the part of the JSON object that the tests look at.
type report struct {
	Deleted   int    `json:"deleted"`
	Remaining int    `json:"expired_remaining"`
	Stopped   string `json:"stopped"`
}

func parse(t *testing.T, text string) (r report) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %q", err, text)
	}
	return r
}

// TestSignal: SIGTERM stops a run between batches, and it reports what it did.
func TestSignal(t *testing.T) {
	for name, make := range filled(t) {
		t.Run(name, func(t *testing.T) {
			d := make(t)
			p := slowly(t, d, "--json")
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if code := p.code(t); code != 3 {
				t.Fatalf("exit code %d, want 3: %s", code, p.stderr.String())
			}
			r := parse(t, p.stdout.String())
			left := d.count(t)
			if r.Stopped != "signal" || r.Remaining != left || r.Deleted+left != 5000 {
				t.Errorf("it reports %+v, %d rows are left", r, left)
			}
			if r := parse(t, succeed(t, d.url, "sessions-gc", "--json")); r.Stopped != "done" || r.Deleted != left {
				t.Errorf("the next run reports %+v", r)
			}
		})
	}
}

// TestTwoAtOnce: a run beside another one does nothing; after the other was killed with -9, it does everything.
func TestTwoAtOnce(t *testing.T) {
	for name, make := range filled(t) {
		t.Run(name, func(t *testing.T) {
			d := make(t)
			first := slowly(t, d)
			r := parse(t, succeed(t, d.url, "sessions-gc", "--json"))
			if r.Stopped != "locked" || r.Deleted != 0 {
				t.Errorf("the second run reports %+v", r)
			}
			if said := succeed(t, d.url, "sessions-gc"); !strings.Contains(said, "another run holds the lock") {
				t.Errorf("the second run says %q", said)
			}
			if err := first.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			first.code(t)
			eventually(t, "the lock is gone", func() bool {
				return parse(t, succeed(t, d.url, "sessions-gc", "--json")).Stopped == "done"
			})
			if left := d.count(t); left != 0 {
				t.Errorf("%d rows are left", left)
			}
		})
	}
}

// TestLockedRunLeavesMetrics to the run that holds the lock.
func TestLockedRunLeavesMetrics(t *testing.T) {
	d := filled(t)["sqlite"](t)
	slowly(t, d)
	file := filepath.Join(t.TempDir(), "sessions.prom")
	succeed(t, d.url, "sessions-gc", "--metrics-file", file)
	if _, err := os.Stat(file); err == nil {
		t.Error("it wrote metrics")
	}
}

// TestStandardOutputGone: what cannot be printed is an error, but not before the work is done; and nothing is written into a
// database that got the number of the closed descriptor.
func TestStandardOutputGone(t *testing.T) {
	for name, redirect := range map[string]string{"full": "> /dev/full", "broken pipe": "| true"} {
		t.Run(name, func(t *testing.T) {
			d := filled(t)["sqlite"](t)
			if code := shell(t, d, "sleep 0.2; sessions-gc --json "+redirect); code != 1 {
				t.Errorf("exit code %d, want 1", code)
			}
			if left := d.count(t); left != 0 {
				t.Errorf("%d rows are left", left)
			}
		})
	}
	t.Run("closed", func(t *testing.T) {
		d := filled(t)["sqlite"](t)
		shell(t, d, "sessions-gc --json >&- 2>&- <&-")
		if left := d.count(t); left != 0 {
			t.Errorf("%d rows are left", left)
		}
		succeed(t, d.url, "sessions-migrate", "check")
	})
}

// shell returns the exit code of the last command of ours in a line.
func shell(t *testing.T, d target, line string) int {
	t.Helper()
	cmd := exec.Command("bash", "-c", line+"; exit ${PIPESTATUS[0]}")
	cmd.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+d.url, "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("%s: %s", line, out)
	return cmd.ProcessState.ExitCode()
}

// TestProgressOnATerminal: there is a bar with rate and time left, and it is gone in the end.
func TestProgressOnATerminal(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		absent(t, "no program script (Debian's package bsdutils)")
	}
	for name, make := range filled(t) {
		t.Run(name, func(t *testing.T) {
			d := make(t)
			cmd := exec.Command("script", "-qec", filepath.Join(bin, "sessions-gc")+" --batch 500 --pause 150ms", "/dev/null")
			cmd.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+d.url)
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			text := string(out)
			for _, want := range []string{"[###", " of 5000, ", "/s, ", "s left", "\r\x1b[K", "deleted 5000 in "} {
				if !strings.Contains(text, want) {
					t.Errorf("the terminal shows no %q: %q", want, text)
				}
			}
		})
	}
}

// TestProgressWithOneConnection: the collector begins, however long it takes to count the rows for the bar.
func TestProgressWithOneConnection(t *testing.T) {
	if _, err := exec.LookPath("script"); err != nil {
		absent(t, "no program script (Debian's package bsdutils)")
	}
	d := filled(t)["postgres"](t)
	tx := tableLock(t, d)
	cmd := exec.Command("script", "-qec", filepath.Join(bin, "sessions-gc"), "/dev/null")
	cmd.Env = append(os.Environ(), "SESSIONS_DATABASE_URL="+withSetting(t, d.url, "pool_max_conns", "1"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the collector is at work", func() bool {
		return number(t, d.driver, d.source, `select count(*) from pg_stat_activity where datname = current_database()
			and wait_event_type = 'Lock' and query not like '%count(*)%'`) == 1
	})
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || d.count(t) != 0 {
		t.Errorf("%v, %d rows are left", err, d.count(t))
	}
}

// tableLock keeps everybody else from the sessions until it is rolled back, or the test ends.
func tableLock(t *testing.T, d target) *sql.Tx {
	t.Helper()
	db, err := sql.Open(d.driver, d.source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.Exec("lock table sessions in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	return tx
}

func withSetting(t *testing.T, target, name, value string) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// TestBackToTheShell: a second signal ends a process whose batch does not return.
func TestBackToTheShell(t *testing.T) {
	d := filled(t)["postgres"](t)
	tableLock(t, d)
	p := start(t, d.url, "sessions-gc")
	ended := make(chan error, 1)
	go func() { ended <- p.Wait() }()
	for {
		select {
		case err := <-ended:
			if p.ProcessState.ExitCode() != -1 {
				t.Errorf("it ended with %v, want death by the signal", err)
			}
			return
		case <-time.After(100 * time.Millisecond):
			_ = p.Process.Signal(syscall.SIGTERM)
		}
	}
}
