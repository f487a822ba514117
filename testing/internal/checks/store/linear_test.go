package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/sqlite"
)

// TestParallelCallsHaveAnOrder records what parallel callers of one row ask and are answered, and looks for an order of
// their calls that explains all answers.
func TestParallelCallsHaveAnOrder(t *testing.T) {
	for name, s := range map[string]*subject{
		"memory":            newMemory(),
		"SQLite":            newSQLite(t),
		"SQLite, unbatched": newSQLite(t, sqlite.WithBatchSize(1)),
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(30) {
				history := record(t, s, seed)
				result, info := porcupine.CheckOperationsVerbose(row(), history, time.Minute)
				if result != porcupine.Ok {
					t.Fatalf("seed %d: no order of the calls explains the answers (%s):%s", seed, result, explain(t, info))
				}
			}
		})
	}
}

// explain writes the history where it can be looked at.
func explain(t *testing.T, info porcupine.LinearizationInfo) string {
	path := t.ArtifactDir() + "/history.html"
	if err := porcupine.VisualizePath(row(), info, path); err != nil {
		return err.Error()
	}
	return " see " + path + ", with -artifacts"
}

// call is what one caller asks.
type call struct {
	kind   string // load, save, increment, delete
	hash   byte
	change store.Change
}

// answer is what the caller is answered.
type answer struct {
	class   string
	version int64
	folded  bool
	data    string
}

// record has several callers at work on a new row.
func record(t *testing.T, s *subject, seed uint64) []porcupine.Operation {
	t.Helper()
	const callers, calls = 6, 10
	ref := store.Ref{Key: store.Handle{1, byte(seed)}, Hash: store.Hash{1}, Policy: store.Policy{
		Timeouts: store.Timeouts{Idle: time.Hour}, Grace: time.Minute,
	}}
	if _, err := s.Create(t.Context(), ref, store.Change{}); err != nil {
		t.Fatal(err)
	}
	history := make([]porcupine.Operation, callers*calls)
	start := time.Now()
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for caller := range callers {
		rnd := rand.New(rand.NewPCG(seed, uint64(caller)))
		wg.Go(func() {
			<-begin
			for i := range calls {
				op := &history[caller*calls+i]
				in := randomCall(rnd, caller, i)
				op.ClientId, op.Input, op.Call = caller, in, int64(time.Since(start))
				op.Output = in.make(t.Context(), s, ref)
				op.Return = int64(time.Since(start))
			}
		})
	}
	close(begin)
	wg.Wait()
	return history
}

func randomCall(rnd *rand.Rand, caller, i int) call {
	c := call{kind: "save", hash: byte(1 + rnd.IntN(2)*rnd.IntN(2))}
	c.change = setNumber([]string{"a", "b", "c"}[rnd.IntN(3)], caller*100+i)
	switch n := rnd.IntN(100); {
	case n < 35:
		c.kind, c.change = "load", store.Change{}
	case n < 50:
		c.kind, c.change = "increment", store.Change{}
	case n < 60:
		c.change.IfVersion = 1 + int64(rnd.IntN(12))
	case n < 65:
		c.change.Clear = true
	case n < 70:
		c.change = store.Change{Delete: []string{"a", "b"}}
	case n < 73:
		c.change.Rotate = &store.Hash{2}
	case n < 74:
		c.kind, c.change = "delete", store.Change{}
	}
	return c
}

// make makes the call.
func (c call) make(ctx context.Context, s *subject, ref store.Ref) answer {
	ref.Hash = store.Hash{c.hash}
	var saved store.Saved
	var err error
	switch c.kind {
	case "load":
		r, err := s.Load(ctx, ref)
		return answer{class: class(err), version: r.Version, data: string(r.Data)}
	case "delete":
		return answer{class: class(s.Delete(ctx, ref))}
	case "save":
		saved, err = s.Save(ctx, ref, c.change)
	case "increment":
		saved, err = s.SaveLocked(ctx, ref, func(r store.Record) (store.Change, error) {
			var data map[string]int
			err := json.Unmarshal(r.Data, &data)
			runtime.Gosched() // lets others come between, where they can
			return setNumber("a", data["a"]+1), err
		})
	}
	return answer{class: class(err), version: saved.Version, folded: saved.Folded}
}

func setNumber(key string, n int) store.Change {
	return store.Change{Set: map[string]json.RawMessage{key: json.RawMessage(strconv.Itoa(n))}}
}

// state is the row as the model has it. A state is never changed once made.
type state struct {
	dead    bool
	hash    byte
	rotated bool
	version int64
	data    map[string]string
}

// row is the model of one row: what a store must answer if calls came one at a time.
func row() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{hash: 1, version: 1} },
		Step: func(s, in, out any) (bool, any) {
			want, next := s.(state).step(in.(call))
			return want.explains(out.(answer)), next
		},
		Equal: func(a, b any) bool { return a.(state).equal(b.(state)) },
		DescribeOperation: func(in, out any) string {
			return fmt.Sprintf("%+v -> %+v", in, out)
		},
		DescribeState: func(s any) string { return fmt.Sprintf("%+v", s) },
	}
}

func (s state) equal(o state) bool {
	return s.dead == o.dead && s.hash == o.hash && s.rotated == o.rotated && s.version == o.version && maps.Equal(s.data, o.data)
}

// explains reports whether the model's answer is the store's. The version of a save that was folded counts others too.
func (a answer) explains(got answer) bool {
	if got.folded {
		return a.class == got.class && a.version <= got.version
	}
	return a.class == got.class && a.version == got.version && (a.data == "" || sameText(a.data, got.data))
}

func sameText(a, b string) bool {
	var x, y map[string]int
	err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y))
	return err == nil && maps.Equal(x, y)
}

func (s state) step(c call) (answer, state) {
	refusal := s.refusal(c)
	switch {
	case c.kind == "delete" && refusal == store.ErrGone:
		return answer{class: class(nil)}, s
	case refusal != nil:
		return answer{class: class(refusal)}, s
	case c.kind == "delete":
		s.dead, s.data = true, nil
		return answer{class: class(nil)}, s
	case c.kind == "load":
		return answer{class: class(nil), version: s.version, data: s.text()}, s
	case c.change.IfVersion != 0 && c.change.IfVersion != s.version:
		return answer{class: class(store.ErrConflict)}, s
	}
	if c.kind == "increment" {
		n, _ := strconv.Atoi(s.data["a"])
		c.change = setNumber("a", n+1)
	}
	next := s.apply(c.change)
	return answer{class: class(nil), version: next.version}, next
}

func (s state) refusal(c call) error {
	switch {
	case s.dead, s.hash != c.hash && !s.rotated:
		return store.ErrGone
	case s.hash != c.hash:
		return store.ErrRotated
	}
	return nil
}

func (s state) apply(c store.Change) state {
	data := map[string]string{}
	if !c.Clear {
		maps.Copy(data, s.data)
	}
	for _, key := range c.Delete {
		delete(data, key)
	}
	for key, value := range c.Set {
		data[key] = string(value)
	}
	s.data, s.version = data, s.version+1
	if c.Rotate != nil {
		s.hash, s.rotated = c.Rotate[0], true
	}
	return s
}

func (s state) text() string {
	m := map[string]json.RawMessage{}
	for key, value := range s.data {
		m[key] = json.RawMessage(value)
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}
