package checks

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a fenced code block of a page.
type block struct {
	page string // relative to the repository's root
	line int    // of the opening fence
	lang string
	args string // what follows the language: "file=main.go", "background"
	text string
	note string // the comment on the line above
}

var (
	fence   = regexp.MustCompile("^( *)(```+)([a-z]*) *(.*)$")
	comment = regexp.MustCompile(`^ *<!-- (.*) -->$`)
	runBy   = regexp.MustCompile(`^run by: (\w+) in ([\w/-]+)$`)
	notRun  = regexp.MustCompile(`^not run: \w.+`)
)

// parseBlocks returns the fenced blocks of a page. An unclosed one is returned as far as it goes, with lang "unclosed".
func parseBlocks(page, text string) []block {
	var blocks []block
	var open *block
	var indent, ticks, above string
	for i, line := range strings.Split(text, "\n") {
		m := fence.FindStringSubmatch(line)
		switch {
		case open == nil && m != nil:
			indent, ticks = m[1], m[2]
			open = &block{page: page, line: i + 1, lang: m[3], args: m[4]}
			if c := comment.FindStringSubmatch(above); c != nil {
				open.note = c[1]
			}
		case open != nil && m != nil && m[2] == ticks && m[3] == "":
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.text += strings.TrimPrefix(line, indent) + "\n"
		}
		if strings.TrimSpace(line) != "" {
			above = line
		}
	}
	if open != nil {
		open.lang = "unclosed"
		blocks = append(blocks, *open)
	}
	return blocks
}

// pages returns the documentation: every Markdown file of the repository.
func pages(t testing.TB) []string {
	t.Helper()
	return withExt(tracked(t), ".md")
}

func blocksOf(t testing.TB, page string) []block {
	t.Helper()
	return parseBlocks(page, readFile(t, filepath.Join(top(t), page)))
}

// blocks returns the blocks of all pages that are of a language and have no note.
func blocks(t testing.TB, lang string) []block {
	t.Helper()
	var out []block
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			if b.lang == lang && b.note == "" {
				out = append(out, b)
			}
		}
	}
	return out
}

func TestParseBlocks(t *testing.T) {
	page := "text\n\n<!-- not run: no network -->\n```sh background\na\n```\n- x\n  ```go\n  b\n  ```\n````text\n```\n````\n```sql\n"
	got := parseBlocks("p", page)
	want := []block{
		{page: "p", line: 4, lang: "sh", args: "background", text: "a\n", note: "not run: no network"},
		{page: "p", line: 8, lang: "go", text: "b\n"},
		{page: "p", line: 11, lang: "text", text: "```\n"},
		{page: "p", line: 14, lang: "unclosed", text: "\n"},
	}
	if len(got) != len(want) {
		t.Fatalf("got %d blocks: %+v", len(got), got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("block %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

// checked are the kinds of blocks, and whether they are run or compiled. A new kind needs a test here.
var checked = map[string]bool{
	"go": true, "sh": true, "sql": true, "json": true,
	"text": false, "console": false, "ini": false, "yaml": false, "mermaid": false, "dockerfile": false, "promql": false,
}

// TestBlocksSayWhatTheyAre: a block without a language, or of one that nothing checks, would be one that nobody runs.
func TestBlocksSayWhatTheyAre(t *testing.T) {
	for _, page := range pages(t) {
		for _, b := range blocksOf(t, page) {
			if _, ok := checked[b.lang]; !ok {
				t.Errorf("%s:%d: a block of language %q", page, b.line, b.lang)
			}
			checkNote(t, b)
		}
	}
}

func checkNote(t *testing.T, b block) {
	t.Helper()
	by := runBy.FindStringSubmatch(b.note)
	switch {
	case !strings.HasPrefix(b.note, "run by") && !strings.HasPrefix(b.note, "not run"):
	case by == nil && !notRun.MatchString(b.note):
		t.Errorf("%s:%d: the note %q is neither `run by: TestName in folder` nor `not run: reason`", b.page, b.line, b.note)
	case by != nil && !hasTest(t, by[1], by[2]):
		t.Errorf("%s:%d: there is no %s in %s", b.page, b.line, by[1], by[2])
	}
}

func hasTest(t *testing.T, name, folder string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(top(t), folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(readFile(t, file), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
