package simulate

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// mutant is a deliberate mistake in package session: a piece of its text that becomes another.
type mutant struct {
	promise  string // that it breaks
	file     string
	old, new string
}

// mutants are mistakes that somebody might make, one for each promise and more. If one of them cannot be made any more,
// because the text has changed, make its like.
var mutants = []mutant{
	{"atomic read-modify-write", "modify.go", "c.IfVersion = rec.Version", ""},
	{"different keys do not disturb each other: what is deleted", "patch.go", "Set: set, Delete: del,", "Set: set, Delete: del[:0],"},
	{"clear removes all", "patch.go", "Clear: p.clear, Set", "Set"},
	{"a save says what changed, not what was read", "save.go",
		"c := s.pending.inflight.change(s.m.realm)", "whole := s.whole()\n\tc := whole.change(s.m.realm)"},
	{"destroyed is final", "destroy.go", "if err := m.deleteOne(ctx, refs, owner); err != nil {",
		"if err := func(*Manager, []store.Ref, string) error { return nil }(m, refs, owner); err != nil {"},
	{"a rotation takes effect in the store", "patch.go", "c.Rotate = &hash", "_ = hash"},
	{"a connection goes on under its new token", "state.go", "s.row.token, rotated = p.rotate, s.row", "rotated = s.row"},
	{"an old token hears of its rotation", "config.go", "Grace: c.RotationGrace", "Grace: 1"},
	{"a session ends by its timeouts", "patch.go", "Idle: p.idle, Absolute: p.absolute, Owner", "Owner"},
	{"owners keep their limit", "config.go", "Owner: c.Owner,", ""},
	{"a failure is not the absence of a session", "load.go",
		"rec, err = retryWithPossibleTokens(s, ref, rec, err, func(ref store.Ref) (store.Record, error) { return m.store.Load(ctx, ref) })",
		"if err != nil && !errors.Is(err, ErrGone) {\n\t\terr = ErrGone\n\t}"},
	{"a failure says nothing of a token", "load.go", "if errAgain == nil || nothingWritten(errAgain) {", "if true {"},
	{"who panics saves nothing", "middleware.go", "\t\t\th.panicked()\n", "\t\t\th.finish()\n"},
	{"open sockets are told", "hub.go", "\tmb.cancel(cause)\n\tif first", "\tif first"},
}

// whole is what one of the mutants needs.
const whole = `
func (s *state) whole() patch {
	p := s.pending.inflight
	p.clear, p.edits = true, map[string]json.RawMessage{}
	for _, m := range s.pending.inflight.apply(s.row.data).Members() {
		p.edits[m.Key()] = m.Value
	}
	return p
}
`

// TestMutantsAreListed: docs/reliability.md names the promise of each, and no other.
func TestMutantsAreListed(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "reliability.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| promise | the core … | found by |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) != len(mutants) {
		t.Errorf("%d rows and %d mutants", len(rows), len(mutants))
	}
	for _, m := range mutants {
		if !strings.Contains(table, "| "+m.promise+" |") {
			t.Errorf("the table does not have %q", m.promise)
		}
	}
}

// TestMutantsAreFound makes one mistake after the other, and has simulations run until one of them finds it.
func TestMutantsAreFound(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.promise, func(t *testing.T) {
			out, err := m.simulate(t)
			if err == nil {
				t.Fatalf("goes unnoticed:\n%s", out)
			}
			_, found, ok := strings.Cut(out, "not kept: ")
			if !ok {
				t.Fatalf("it is not found by a check of the history:\n%s", out)
			}
			t.Log(strings.SplitN(found, "\n", 2)[0])
		})
	}
}

// simulate runs the simulation on package session with the mistake.
func (m mutant) simulate(t *testing.T) (string, error) {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join("..", "..", "..", "..", "session"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := map[string]string{}
	replace := func(file, old, new string) {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), old) != 1 {
			t.Fatalf("%s has not once the text %q", file, old)
		}
		changed := filepath.Join(dir, file)
		if err := os.WriteFile(changed, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay[filepath.Join(folder, file)] = changed
	}
	replace(m.file, m.old, m.new)
	if strings.Contains(m.new, "s.whole()") {
		replace("state.go", "\n// Opening\n", whole+"\n// Opening\n")
	}
	text, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-vet=off", "-overlay", list, "-run", "^TestSimulation$", ".")
	cmd.Env = append(os.Environ(), "SESSIONS_SIMULATIONS=1500", "TMPDIR="+dir)
	out, err := cmd.CombinedOutput()
	return string(out), err
}
