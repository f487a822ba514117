package sqlite

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/simples-go/sessions/session/store"
)

// killRounds is how often a writer is killed; SESSIONS_KILL_ROUNDS=1000 for the long run.
func killRounds(t *testing.T) int {
	if n, err := strconv.Atoi(os.Getenv("SESSIONS_KILL_ROUNDS")); err == nil {
		return n
	}
	if testing.Short() {
		return 3
	}
	return 20
}

// A process that saves from 8 goroutines is killed in the middle, again and again. What it had been told was saved is
// there.
func TestAnAcknowledgedSaveSurvivesKill(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	refs := createdMany(t, s, 8)
	args := []string{path}
	for _, ref := range refs {
		args = append(args, name(ref))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	acknowledged := make([]int64, len(refs))
	for round := range killRounds(t) {
		killWriter(t, args, acknowledged)
		checkSaved(t, path, refs, acknowledged)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	t.Logf("acknowledged saves: %v", acknowledged)
}

// killWriter notes what a child was told, kills it after some lines, and notes what it had written until then.
func killWriter(t *testing.T, args []string, acknowledged []int64) {
	t.Helper()
	c := startChild(t, "save", args...)
	note := func(line string) {
		var i int
		var n int64
		if _, err := fmt.Sscan(line, &i, &n); err == nil {
			acknowledged[i] = n
		}
	}
	for range 1 + rand.IntN(300) {
		note(c.line())
	}
	if err := c.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for line := c.line(); line != ""; line = c.line() {
		note(line)
	}
	_ = c.cmd.Wait()
}

func checkSaved(t *testing.T, path string, refs []store.Ref, acknowledged []int64) {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range refs {
		r, err := s.Load(t.Context(), ref)
		if err != nil {
			t.Errorf("load: %v", err)
		}
		var n int64
		if _, err := fmt.Sscanf(string(r.Data), `{"n":%d}`, &n); err != nil || n < acknowledged[i] || n != r.Version-1 {
			t.Errorf("acknowledged was %d, the row holds %.50s with version %d", acknowledged[i], r.Data, r.Version)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// The disk is full: every save that was acknowledged is there, every other one failed and is not.
func TestAFullDiskLosesNothingAcknowledged(t *testing.T) {
	s := open(t, newPath(t))
	refs := createdMany(t, s, 32)
	err := s.writer.do(t.Context(), func(c *conn) error {
		pages, err := c.number(allPages)
		if err != nil {
			return err
		}
		return c.script(fmt.Sprintf("pragma max_page_count = %d", pages+20))
	})
	if err != nil {
		t.Fatal(err)
	}
	saved := make([]int, len(refs))
	full := make([]bool, len(refs))
	var wg sync.WaitGroup
	for i, ref := range refs {
		wg.Go(func() {
			for n := 1; n < 60 && !full[i]; n++ {
				_, err := s.Save(t.Context(), ref, store.Change{Set: sized(n)})
				if full[i] = err != nil; err != nil && code(err) != lib.SQLITE_FULL {
					t.Errorf("save %d: %v", n, err)
				} else if err == nil {
					saved[i] = n
				}
			}
		})
	}
	wg.Wait()
	failed := 0
	for i, ref := range refs {
		r, err := s.Load(t.Context(), ref)
		if err != nil || !strings.HasPrefix(string(r.Data), fmt.Sprintf(`{"n":%d`, saved[i])) {
			t.Errorf("acknowledged was %d, the row holds %.20s, %v", saved[i], r.Data, err)
		}
		if full[i] {
			failed++
		}
	}
	if failed == 0 {
		t.Error("the disk was never full")
	}
	if err := s.Delete(t.Context(), refs[0]); err != nil {
		t.Errorf("a full disk keeps a session from being destroyed: %v", err)
	}
}

func sized(n int) map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"n":   json.RawMessage(fmt.Sprint(n)),
		"pad": json.RawMessage(`"` + strings.Repeat("x", n*200) + `"`),
	}
}

func TestTwoProcessesShareAFile(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	ref := createdMany(t, s, 1)[0]
	first, other := startChild(t, "count", path, name(ref)), startChild(t, "count", path, name(ref))
	for range 200 {
		if err := raise(t.Context(), s, ref); err != nil {
			t.Fatal(err)
		}
	}
	first.wait()
	other.wait()
	holds(t, s, ref, "600")
}
