package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/migrations"
	"github.com/simples-go/sessions/session/store"
)

func testTexts(t *testing.T) texts {
	t.Helper()
	table, err := migrations.NewTable(migrations.Postgres, "Web", "visits")
	if err != nil {
		t.Fatal(err)
	}
	return newTexts(table)
}

func testWrites(t *testing.T, distributed bool) *writes {
	t.Helper()
	return newWrites(testTexts(t).table, distributed)
}

var parameter = regexp.MustCompile(`\$(\d+)`)

// parameters are the numbers of a statement's parameters, each once.
func parameters(text string) []int {
	var found []int
	for _, m := range parameter.FindAllStringSubmatch(text, -1) {
		n, _ := strconv.Atoi(m[1])
		found = append(found, n)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i + 1
	}
	return all
}

// every combination of what a change can hold
func changes(visit func(store.Change)) {
	hash, d, owner := store.Hash{1}, time.Minute, "ann"
	for bits := range 1 << 10 {
		has := func(bit int) bool { return bits&(1<<bit) != 0 }
		c := store.Change{Clear: has(0), Renew: has(1), Extend: has(2)}
		if has(3) {
			c.Set = map[string]jsonText{"a": jsonText(`1`)}
		}
		if has(4) {
			c.Delete = []string{"b"}
		}
		if has(5) {
			c.Delete = make([]string, manyDeletes+1)
		}
		if has(6) {
			c.Rotate = &hash
		}
		if has(7) {
			c.Idle = &d
		}
		if has(8) {
			c.Absolute, c.Owner = &d, &owner
		}
		if has(9) {
			c.IfVersion = 7
		}
		visit(c)
	}
}

func TestASaveHasAnArgumentForEachParameter(t *testing.T) {
	w := testWrites(t, false)
	for _, limit := range []int{0, 100} {
		ref := store.Ref{Policy: store.Policy{MaxBytes: limit}}
		changes(func(c store.Change) {
			shape := shapeOf(&c, ref.Policy)
			text, args := w.save(shape), saveArgs(shape, ref, &c)
			if !slices.Equal(parameters(text), upTo(len(args))) {
				t.Fatalf("%d arguments for the parameters %v of %s", len(args), parameters(text), text)
			}
		})
	}
}

func TestStatementsHaveParametersWithoutGaps(t *testing.T) {
	x, w, d := testTexts(t), testWrites(t, false), testWrites(t, true)
	for text, n := range map[string]int{
		x.load: 2, x.loadMany: 1, x.look: 1, x.inspect: 1, x.lock: 2, x.insert: 7, x.insertRotated: 7,
		x.touchMany: 5, x.saveMany: len(saveManyArgs(nil)), x.setMany: 5, x.lockMany: 1, x.owned: 2, x.listEntries(3): 5,
		w.touch: 5, w.destroy: 2, w.revokeIDs: 1, d.touch: 5, d.destroy: 2, d.revokeIDs: 1,
	} {
		if !slices.Equal(parameters(text), upTo(n)) {
			t.Errorf("parameters %v, want %d of them: %s", parameters(text), n, text)
		}
	}
}

func TestStatementsNameTheQuotedTable(t *testing.T) {
	x, w := testTexts(t), testWrites(t, false)
	for _, text := range []string{
		x.load, x.loadMany, x.look, x.inspect, x.lock, x.insert, x.touchMany, x.saveMany, x.setMany, x.lockMany, x.owned,
		w.touch, w.destroy, w.revokeIDs, w.save(shapeSet),
	} {
		if !strings.Contains(text, ` "Web"."visits" `) {
			t.Errorf("the table's name is missing: %s", text)
		}
	}
}

func TestASaveLeavesTheExpiryAloneUnlessItIsAboutIt(t *testing.T) {
	w := testWrites(t, false)
	changes(func(c store.Change) {
		set, _, _ := strings.Cut(w.save(shapeOf(&c, store.Policy{})), ` where s.id`)
		if got, want := strings.Contains(set, `expires_at = `), c.Extend || c.Resets(); got != want {
			t.Fatalf("expires_at is set: %v, want %v: %s", got, want, set)
		}
	})
}

// What a distributed table refuses in an UPDATE or DELETE: stable functions over columns, volatile ones, now() within
// CASE, COALESCE or RETURNING, locks on several rows, arithmetic of timestamptz and interval.
func TestForegroundStatementsSuitDistributedTables(t *testing.T) {
	x, w := testTexts(t), testWrites(t, true)
	texts := []string{x.load, x.look, x.lock, x.insert, x.insertRotated, w.touch, w.destroy}
	changes(func(c store.Change) {
		texts = append(texts, w.save(shapeOf(&c, store.Policy{MaxBytes: 9})))
	})
	for _, text := range texts {
		for _, refused := range []string{
			"pg_column_size", "set_config", "clock_timestamp", "pg_notify", "case ", "now() +", "merge",
		} {
			if strings.Contains(text, refused) {
				t.Fatalf("%q in %s", refused, text)
			}
		}
		if regexp.MustCompile(`coalesce\([^)]*now\(`).MatchString(text) {
			t.Fatalf("now() within coalesce in %s", text)
		}
		if regexp.MustCompile(`returning[^)]*now\(`).MatchString(text) {
			t.Fatalf("now() is returned by a write in %s", text)
		}
		if !strings.Contains(text, `s.id = $1`) && !strings.HasPrefix(text, `insert`) {
			t.Fatalf("no row named by its key in %s", text)
		}
	}
}

func TestEveryReadAndWriteOfASessionNamesKeyAndSecret(t *testing.T) {
	x, w := testTexts(t), testWrites(t, false)
	for _, text := range []string{x.load, x.lock, w.touch, w.destroy, w.save(shapeSet)} {
		if !strings.Contains(text, `s.id = $1`) || !strings.Contains(text, `s.secret_hash = $2`) {
			t.Errorf("key or secret is missing: %s", text)
		}
	}
	for _, text := range []string{x.touchMany, x.saveMany, x.setMany} {
		if !strings.Contains(text, `q.id = s.id and q.hash = s.secret_hash`) || !strings.Contains(text, `order by s.id for`) {
			t.Errorf("key, secret or the order of locks is missing: %s", text)
		}
	}
}

func TestDeadRowsAreNotWritten(t *testing.T) {
	x, w := testTexts(t), testWrites(t, false)
	for _, text := range []string{x.touchMany, x.saveMany, x.setMany, x.owned, w.touch, w.save(shapeSet)} {
		if !strings.Contains(text, `s.expires_at > now() and ((`) || !strings.Contains(text, `coalesce(s.absolute_timeout_ms`) {
			t.Errorf("the row need not be alive: %s", text)
		}
	}
}

func TestTouchesAloneDoNotWaitForTheDisk(t *testing.T) {
	x, w := testTexts(t), testWrites(t, false)
	for _, text := range []string{w.touch, x.touchMany} {
		if !strings.Contains(text, asyncCommit) {
			t.Errorf("a touch waits for the disk: %s", text)
		}
	}
	for _, text := range []string{x.saveMany, x.setMany, x.insert, w.destroy, w.revokeIDs, w.save(shapeSet | shapeExtend)} {
		if strings.Contains(text, "synchronous_commit") {
			t.Errorf("a save may be lost: %s", text)
		}
	}
}

func TestNamesAreValidated(t *testing.T) {
	pool := testPool(t)
	for _, name := range []string{`x"; drop table y; --`, "a b", "1st", strings.Repeat("x", 64), "pg_class"} {
		if s, err := New(pool, WithTable(name)); err == nil {
			t.Errorf("table %q was accepted: %s", name, s.sql.table)
		}
		if s, err := New(pool, WithSchema(name)); err == nil {
			t.Errorf("schema %q was accepted: %s", name, s.sql.table)
		}
	}
	s, err := New(pool)
	if err != nil || s.sql.table != `"sessions"` {
		t.Errorf("the default is %v, %v", s, err)
	}
	if _, err := New(nil); err == nil {
		t.Error("no pool was accepted")
	}
}

func TestChannelNames(t *testing.T) {
	long := strings.Repeat("l", 48)
	seen := map[string]string{}
	for _, names := range [][2]string{{"public", "sessions"}, {"public", "Sessions"}, {long, long}, {long, long[1:]}} {
		channel := channelName(names[0], names[1])
		if len(channel) > maxChannel {
			t.Errorf("channel %q is cut by the database", channel)
		}
		if other, ok := seen[channel]; ok {
			t.Errorf("%v and %s share channel %q", names, other, channel)
		}
		seen[channel] = fmt.Sprint(names)
	}
	if got := channelName("public", "sessions"); got != "sessions.public.sessions" {
		t.Errorf("channel %q", got)
	}
}
