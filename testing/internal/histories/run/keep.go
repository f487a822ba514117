package run

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/simples-go/sessions/testing/internal/histories/history"
	"github.com/simples-go/sessions/testing/internal/histories/model"
)

// Files that are kept of a history that breaks a promise.
const (
	wholeFile  = "history.jsonl"
	metaFile   = "meta.json"
	shrunkFile = "shrunk.jsonl"
	svgFile    = "shrunk.svg"
	pageFile   = "shrunk.html"
)

// keep writes the history, and of the first violation what matters.
func (r *round) keep(v *model.Verdict, ops []history.Op, res *Result) error {
	res.Files = append(res.Files, r.dir)
	return Keep(r.dir, r.meta, v, ops)
}

// Keep writes a history into a folder, and of its first violation what matters.
func Keep(dir string, m model.Meta, v *model.Verdict, ops []history.Op) error {
	if err := history.WriteFile(filepath.Join(dir, wholeFile), ops); err != nil {
		return err
	}
	if err := m.WriteFile(filepath.Join(dir, metaFile)); err != nil {
		return err
	}
	return Explain(dir, m, v)
}

// Explain shrinks the first violation and draws it, in the folder dir.
func Explain(dir string, m model.Meta, v *model.Verdict) error {
	first := &v.Violations[0]
	if first.Promise == model.Order {
		first.Ops = model.Shrink(m, first.Ops)
	}
	if err := history.WriteFile(filepath.Join(dir, shrunkFile), first.Ops); err != nil {
		return err
	}
	return model.Draw(m, first, filepath.Join(dir, svgFile), filepath.Join(dir, pageFile))
}

// Check checks the history that a failed trial has left in dir once more.
func Check(dir string) (*model.Verdict, error) {
	m, err := model.ReadMeta(filepath.Join(dir, metaFile))
	if err != nil {
		return nil, err
	}
	ops, err := history.ReadFile(filepath.Join(dir, wholeFile))
	if err != nil {
		return nil, err
	}
	v := model.Check(m, ops)
	if len(v.Violations) > 0 {
		err = Explain(dir, m, v)
	}
	return v, err
}

// String says in some lines what a trial has come to.
func (r *Result) String() string {
	text := fmt.Sprintf("%d operations on %d sessions in %d rounds and %.0f s, seed %d: %d of unknown outcome, %d sessions undecided as a whole, %d violations",
		r.Ops, r.Sessions, r.Rounds, r.Took.Seconds(), r.Seed, r.Unknown, r.Undecided, len(r.Violations))
	text += r.failovers()
	if r.Full.Times > 0 {
		text += "\n" + r.Full.String()
	}
	for _, name := range r.Untried {
		text += "\nnot tried, since it cannot be made here: " + name
	}
	for i := range r.Violations {
		if i == 3 {
			break
		}
		text += "\n" + Report(&r.Violations[i])
	}
	for _, dir := range r.Files {
		text += "\nhistory and drawing: " + dir
	}
	return text
}

// failovers says of each kind how soon all nodes have written after the new primary was ready.
func (r *Result) failovers() (text string) {
	took, broken := map[string][]time.Duration{}, map[string]int{}
	for _, f := range r.Failovers {
		took[f.Kind] = append(took[f.Kind], f.Writes)
		broken[f.Kind] += f.Broken
	}
	for _, kind := range slices.Sorted(maps.Keys(took)) {
		all := slices.Sorted(slices.Values(took[kind]))
		never := len(all) - slices.IndexFunc(append(all, model.Never), func(d time.Duration) bool { return d == model.Never })
		wrote := all[:len(all)-never]
		text += fmt.Sprintf("\n%s: %d rounds; ", kind, len(all))
		if len(wrote) > 0 {
			text += fmt.Sprintf("all nodes have written after %.2f s in the median, %.2f s at most; ",
				wrote[len(wrote)/2].Seconds(), wrote[len(wrote)-1].Seconds())
		}
		if never > 0 {
			text += fmt.Sprintf("%d times not all before the round's end; ", never)
		}
		text += fmt.Sprintf("%d broken promises", broken[kind])
	}
	return text
}

// Report says what a violation is, with its operations if they are few.
func Report(v *model.Violation) string {
	text := fmt.Sprintf("not kept: %s\n  session %s %s", v.Promise, v.Session, v.Detail)
	for i := range v.Ops {
		if op := &v.Ops[i]; len(v.Ops) <= 12 {
			text += fmt.Sprintf("\n  client %d  %s", op.Client, model.Describe(op))
		}
	}
	return text
}
