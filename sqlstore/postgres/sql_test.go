package postgres

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

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

// byName are all statements of a table.
func (t texts) byName() map[string]string {
	return map[string]string{
		"load": t.load, "loadMany": t.loadMany, "meta": t.meta, "touchOne": t.touchOne, "inspect": t.inspect,
		"lock": t.lock, "insert": t.insert, "write": t.write, "replaceOne": t.replaceOne, "mergeOne": t.mergeOne,
		"setMany": t.setMany, "saveMany": t.saveMany, "touchMany": t.touchMany, "destroy": t.destroy, "remove": t.remove,
	}
}

func TestStatementsHaveAnArgumentForEachParameter(t *testing.T) {
	s := &Store{sql: testTexts(t)}
	args := func(c store.Change) int { return len(s.newSaveBatch([]saveRequest{{change: &c, n: 1}}, []int{0}).args) }
	for name, n := range map[string]int{
		"load": 2, "loadMany": 1, "meta": 1, "touchOne": 6, "inspect": 1, "lock": 2, "insert": 15, "write": columnCount + 2,
		"replaceOne": 7, "mergeOne": 10, "setMany": args(store.Change{Set: map[string]json.RawMessage{"a": nil}}), "saveMany": args(store.Change{}),
		"touchMany": 6, "destroy": 4, "remove": 1,
	} {
		text := testTexts(t).byName()[name]
		if !slices.Equal(parameters(text), upTo(n)) {
			t.Errorf("%s has parameters %v, want %d of them: %s", name, parameters(text), n, text)
		}
	}
}

func TestStatementsNameTheQuotedTable(t *testing.T) {
	for name, text := range testTexts(t).byName() {
		if !strings.Contains(text, ` "Web"."visits" `) {
			t.Errorf("%s lacks the table's name: %s", name, text)
		}
	}
}

// A distributed table takes only statements that name one row, and in its updates and deletes no volatile function and no
// stable one of a column.
func TestSomeStatementsSuitDistributedTables(t *testing.T) {
	for _, name := range []string{"load", "lock", "write", "remove"} {
		text := testTexts(t).byName()[name]
		for _, refused := range []string{"set_config", "clock_timestamp", "pg_notify", "case ", "interval", "with "} {
			if strings.Contains(text, refused) {
				t.Errorf("%q in %s", refused, text)
			}
		}
		if !strings.Contains(text, `s.id = $1`) {
			t.Errorf("no row named by its key in %s", text)
		}
	}
}

func TestEveryReadAndWriteOfASessionNamesKeyAndSecret(t *testing.T) {
	all := testTexts(t)
	for _, text := range []string{all.load, all.lock, all.replaceOne, all.mergeOne, all.destroy} {
		if !strings.Contains(text, `s.id = $1`) || !strings.Contains(text, `s.secret_hash = $2`) {
			t.Errorf("key or secret is missing: %s", text)
		}
	}
	for _, text := range []string{all.touchMany, all.setMany, all.saveMany} {
		if !strings.Contains(text, `q.id = s.id and q.hash = s.secret_hash`) {
			t.Errorf("key or secret is missing: %s", text)
		}
		if !strings.Contains(text, `for no key update of s skip locked`) {
			t.Errorf("locked rows are waited for: %s", text)
		}
	}
	if text := all.touchMany; !strings.Contains(text, `order by s.id for no key update of s skip locked`) {
		t.Errorf("rows are locked in no order, or waited for: %s", text)
	}
}

// What may be held up on its way carries a fence, but for what happens while the row is locked.
func TestWritesCarryAFence(t *testing.T) {
	all := testTexts(t)
	for _, text := range []string{all.replaceOne, all.mergeOne, all.setMany, all.saveMany, all.insert, all.destroy} {
		if !regexp.MustCompile(`clock_timestamp\(\) < \$\d+`).MatchString(text) {
			t.Errorf("a statement may take effect at any time: %s", text)
		}
	}
}

func TestTouchesAloneDoNotWaitForTheDisk(t *testing.T) {
	for name, text := range testTexts(t).byName() {
		if got, want := strings.Contains(text, "synchronous_commit"), strings.HasPrefix(name, "touch"); got != want {
			t.Errorf("%s waits for the disk: %v", name, !got)
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
