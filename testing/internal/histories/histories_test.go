package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/disk"
	"github.com/simples-go/sessions/testing/internal/histories/pg"
	"github.com/simples-go/sessions/testing/internal/histories/run"
	"github.com/simples-go/sessions/testing/internal/histories/serve"
)

func TestMain(m *testing.M) {
	run.Play()
	os.Exit(m.Run())
}

// seed is that of SESSIONS_HISTORIES_SEED, or one that is always the same: what the seed does not decide, the order in
// which processes run, is different each time.
func seed(t *testing.T) uint64 {
	text := os.Getenv("SESSIONS_HISTORIES_SEED")
	if text == "" {
		return 1
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestPromisesHold tries each backend with ten thousand operations under all faults that it may suffer.
func TestPromisesHold(t *testing.T) {
	for _, backend := range []string{"memory", "sqlite", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			if backend == "postgres" {
				needPostgres(t)
			}
			if os.Getenv("CI") != "" {
				needDisk(t)
			}
			try(t, &run.Trial{Backend: backend, Ops: 10_000, Round: 1700, Faults: run.FaultsOf(backend)})
		})
	}
}

// TestFailovers loses the primary of two Postgres in each way once. How soon nodes write again is for a machine with nothing
// else to do; here they have to do so at all.
func TestFailovers(t *testing.T) {
	t.Parallel()
	needPostgres(t)
	try(t, &run.Trial{Backend: "failover", Ops: 1, Faults: run.FaultsOf("failover"), Soon: time.Minute})
}

// TestFullDisks fills the database's disk and frees it again, while clients work: what was acknowledged is there, what is
// refused is refused with 503, and all goes on once there is room. On SQLite reads go on all the time.
func TestFullDisks(t *testing.T) {
	for _, backend := range []string{"sqlite", "postgres"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			if backend == "postgres" {
				needPostgres(t)
			}
			needDisk(t)
			trial := &run.Trial{Backend: backend, Ops: 5000, Round: 2500, Faults: []string{"disk full"}}
			full := try(t, trial).Full
			if full.Refused == 0 || full.Wrote == 0 || backend == "sqlite" && (full.Read == 0 || full.NoRoom == 0) {
				t.Errorf("it had no effect, or too much of one: %v", &full)
			}
			if backend == "postgres" {
				ranOutOfRoom(t, filepath.Join(trial.Dir, run.PostgresLog))
			}
		})
	}
}

// ranOutOfRoom checks that Postgres has come to the end of its disk, and has started again.
func ranOutOfRoom(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, sign := range []string{"No space left on device", "database system was interrupted"} {
		if !strings.Contains(string(text), sign) {
			t.Errorf("Postgres has never said %q", sign)
		}
	}
}

func try(t *testing.T, trial *run.Trial) *run.Result {
	t.Helper()
	trial.Seed, trial.Dir = seed(t), kept(t)
	res, err := trial.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(res)
	if len(res.Violations) > 0 {
		t.Fatalf("again: SESSIONS_HISTORIES_SEED=%d go test -run %s, or go run . check FOLDER for the history that was kept",
			trial.Seed, t.Name())
	}
	return res
}

// kept is a folder that stays if the test fails.
func kept(t *testing.T) string {
	dir, err := os.MkdirTemp("", "histories")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !t.Failed() {
			_ = os.RemoveAll(dir)
		}
	})
	return dir
}

// needPostgres skips a test where no Postgres is installed, but not in CI.
func needPostgres(t *testing.T) {
	t.Helper()
	_, err := pg.Bin()
	if clock, _ := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1"); clock == nil {
		err = errors.Join(err, errors.New("libfaketime is not installed"))
	}
	if err != nil {
		missing(t, err)
	}
}

// needDisk skips a test where no filesystem can be mounted, but not in CI.
func needDisk(t *testing.T) {
	t.Helper()
	d, err := disk.Mount(t.TempDir(), 8<<20)
	if err == nil {
		err = d.Close()
	}
	if err != nil {
		missing(t, err)
	}
}

// missing ends a test for want of something on this machine: it fails in CI, and is skipped elsewhere.
func missing(t *testing.T, err error) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip(err)
}

// TestMistakesAreFound has the store break one promise after the other. A trial that does not find that would find
// nothing.
func TestMistakesAreFound(t *testing.T) {
	for mistake := range serve.Mistakes {
		t.Run(mistake, func(t *testing.T) {
			t.Parallel()
			trial := &run.Trial{Backend: "sqlite", Seed: seed(t), Ops: 20_000, Round: 1500, Mistake: mistake, Dir: t.TempDir()}
			res, err := trial.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Violations) == 0 {
				t.Fatalf("a store that %s goes unnoticed: %s", mistake, res)
			}
			t.Logf("after %d operations: %s", res.Ops, run.Report(&res.Violations[0]))
			checkKept(t, res.Files[0])
		})
	}
}

// checkKept: the files that a failure leaves say the same once more.
func checkKept(t *testing.T, dir string) {
	t.Helper()
	v, err := run.Check(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Violations) == 0 {
		t.Errorf("the history that was kept in %s breaks no promise", dir)
	}
	if svg, err := os.Stat(filepath.Join(dir, "shrunk.svg")); err != nil || svg.Size() == 0 {
		t.Errorf("no drawing: %v", err)
	}
}
