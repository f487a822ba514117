package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/simples-go/sessions/internal/deadline"
	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

func TestWhichChangesAreOneStatement(t *testing.T) {
	d, text, hash, device := time.Minute, "ann", store.Hash{}, []byte{1}
	persistence := store.Persistent
	set := map[string]jsonText{"a": jsonText(`1`)}
	base, err := store.ReadBase(1, []byte(`{"a":"`+strings.Repeat("1", foldableText)+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]store.Change{
		"rotation": {Rotate: &hash}, "renewal": {Renew: true}, "own idle": {Idle: &d}, "own absolute": {Absolute: &d},
		"owner": {Owner: &text}, "tag": {Tag: &text}, "persistence": {Persistence: &persistence}, "device": {Device: &device},
		"authentication": {Authenticate: true}, "empty": {}, "many deletes": {Delete: make([]string, manyDeletes+1)},
		"conditional and extend": {Set: set, IfVersion: 3, Extend: true},
	} {
		if changesEntries(&c) {
			t.Errorf("%s does not lock the row", name)
		}
	}
	for name, c := range map[string]store.Change{
		"conditional":     {Set: set, IfVersion: 3},
		"large whole":     {Set: set, Base: base},
		"large":           {Set: map[string]jsonText{"a": jsonText(strings.Repeat("1", foldableBytes))}},
		"large and small": {Set: map[string]jsonText{strings.Repeat("k", foldableBytes): jsonText(`1`)}},
		"large delete":    {Delete: []string{strings.Repeat("k", foldableBytes+1)}},
	} {
		if !changesEntries(&c) || (saveRequest{change: &c}).foldable() {
			t.Errorf("%s does not go alone", name)
		}
	}
	for name, c := range map[string]store.Change{
		"set": {Set: set}, "delete": {Delete: []string{"a"}}, "clear": {Clear: true}, "extend": {Extend: true},
	} {
		if !changesEntries(&c) || !(saveRequest{change: &c}).foldable() {
			t.Errorf("%s shares no statement", name)
		}
	}
}

func TestChangesOfARowAreFoldedInOrder(t *testing.T) {
	ref := store.Ref{Key: store.Handle{1}}
	first := saveRequest{ref, &store.Change{Set: map[string]jsonText{"a": jsonText(`1`), "b": jsonText(`1`)}}, 1}
	second := saveRequest{ref, &store.Change{Set: map[string]jsonText{"a": jsonText(`2`)}, Delete: []string{"b"}}, 2}
	both, ok := first.join(second)
	if !ok || both.n != 3 || string(both.change.Set["a"]) != `2` || !slices.Equal(both.change.Delete, []string{"b"}) {
		t.Errorf("%+v, %v", both, ok)
	}
	if string(first.change.Set["a"]) != `1` {
		t.Error("the first change was written into")
	}
	second.ref.Policy.MaxBytes = 9
	if _, ok := first.join(second); ok {
		t.Error("changes under different rules were folded")
	}
	second.ref, second.change = ref, &store.Change{}
	for i := range manyDeletes + 1 {
		second.change.Delete = append(second.change.Delete, fmt.Sprint(i))
	}
	if _, ok := first.join(second); ok {
		t.Error("a change became too large to share a statement")
	}
}

func TestWhatABatchDidNotServeIsMadeAgainAlone(t *testing.T) {
	refused := errors.New("refused")
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		g := batch.New(batch.Options[int, int, string]{
			Slots: 1,
			One: func(context.Context, int) (string, error) {
				<-free
				return "found a slot", nil
			},
			Many: func(context.Context, []int) []batch.Result[string] {
				return []batch.Result[string]{{Err: errUnserved}, {Err: refused}, {Value: "batch"}}
			},
			Key: func(r int) int { return r },
		})
		s := &Store{opts: options{timeout: time.Minute}, deadline: deadline.New(time.Minute)}
		begun := time.Now()
		alone := func(ctx context.Context, _ int) (string, error) {
			if end, has := ctx.Deadline(); !has || end.After(begun.Add(time.Minute)) {
				t.Errorf("a call from %v on may last until %v, %v", begun, end, has)
			}
			return "alone", nil
		}
		got := make([]string, 4)
		for i := range got {
			go func() {
				text, err := grouped(t.Context(), s, true, g, i, nil, alone)
				got[i] = fmt.Sprint(text, err)
			}()
			synctest.Wait()
		}
		time.Sleep(time.Second) // on the bubble's clock: what has passed counts
		free <- struct{}{}
		synctest.Wait()
		want := []string{"found a slot<nil>", "alone<nil>", "refused", "batch<nil>"}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		begun = time.Now()
		refuse := func(context.Context, int) (string, error) { return "", errUnserved }
		if text, err := grouped(t.Context(), s, false, g, 9, refuse, alone); text != "alone" || err != nil {
			t.Errorf("without batching: %q, %v", text, err)
		}
	})
}

func TestABatchIsPartedByPolicy(t *testing.T) {
	var requests []saveRequest
	for _, n := range []int{1, 1, 2, 3, 1, 2} {
		requests = append(requests, saveRequest{ref: store.Ref{Policy: store.Policy{MaxBytes: n}}})
	}
	var parts [][]int
	for rest := indexes(len(requests)); len(rest) > 0; {
		same, others := samePolicy(requests, rest)
		parts, rest = append(parts, same), others
	}
	if got := fmt.Sprint(parts); got != "[[0 1 4] [2 5] [3]]" {
		t.Errorf("parts %s", got)
	}
}

// The whole text goes where it fits; a row of another version is merged in the database.
func TestAChangeBringsTheWholeTextIfItHasSeenTheRow(t *testing.T) {
	data, err := jsonobj.Scan([]byte(`{"a":1,"b":2}`))
	if err != nil {
		t.Fatal(err)
	}
	c := store.Change{Set: map[string]jsonText{"a": jsonText(`9`)}, Delete: []string{"b"}, Base: store.NewBase(7, data)}
	if base, whole := wholeText(&c, store.Policy{MaxBytes: 8}); base != 7 || string(whole) != `{"a":9}` {
		t.Errorf("version %d, %s", base, whole)
	}
	for name, c := range map[string]store.Change{
		"too large": c, "unseen": {Set: c.Set}, "no entries": {Base: c.Base, Extend: true}, "folded": c.Then(c),
	} {
		if base, whole := wholeText(&c, store.Policy{MaxBytes: 7}); base != 0 || whole != nil {
			t.Errorf("%s: version %d, %s", name, base, whole)
		}
	}
}
