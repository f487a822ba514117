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
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/sqlstore/internal/batch"
)

func TestWhatGoesAlone(t *testing.T) {
	d, owner, hash := time.Minute, "ann", store.Hash{}
	set := map[string]jsonText{"a": jsonText(`1`)}
	for name, c := range map[string]store.Change{
		"conditional":     {Set: set, IfVersion: 3},
		"rotation":        {Rotate: &hash},
		"renewal":         {Renew: true},
		"own idle":        {Idle: &d},
		"own absolute":    {Absolute: &d},
		"owner":           {Owner: &owner},
		"large":           {Set: map[string]jsonText{"a": jsonText(strings.Repeat("1", foldableBytes))}},
		"many deletes":    {Delete: make([]string, manyDeletes+1)},
		"large delete":    {Delete: []string{strings.Repeat("k", foldableBytes+1)}},
		"large and small": {Set: map[string]jsonText{strings.Repeat("k", foldableBytes): jsonText(`1`)}},
	} {
		if (saveRequest{change: &c}).foldable() {
			t.Errorf("%s shares a statement", name)
		}
	}
	for name, c := range map[string]store.Change{
		"set": {Set: set}, "delete": {Delete: []string{"a"}}, "clear": {Clear: true}, "extend": {Extend: true}, "empty": {},
	} {
		if !(saveRequest{change: &c}).foldable() {
			t.Errorf("%s goes alone", name)
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
				return []batch.Result[string]{{Err: errAlone}, {Err: refused}, {Value: "batch"}}
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
				text, err := grouped(t.Context(), s, true, g, i, alone)
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
		if text, err := grouped(t.Context(), s, false, g, 9, alone); text != "alone" || err != nil {
			t.Errorf("without batching: %q, %v", text, err)
		}
	})
}

// The lean statement knows of no change that does more than set entries, and of one policy.
func TestOnlyPlainChangesUnderOnePolicyGoTheShortWay(t *testing.T) {
	ref := store.Ref{Policy: store.Policy{Timeouts: store.Timeouts{Idle: 1, Absolute: 2}, MaxBytes: 3}}
	set := map[string]jsonText{"a": jsonText(`1`)}
	plain := saveRequest{ref, &store.Change{Set: set}, 1}
	if !setOnly([]saveRequest{plain, plain}) {
		t.Error("plain changes go the long way")
	}
	longer, larger, patient := ref, ref, ref
	longer.Policy.Absolute, larger.Policy.MaxBytes, patient.Policy.Idle = 9, 9, 9
	if !setOnly([]saveRequest{plain, {patient, plain.change, 1}}) {
		t.Error("the idle timeout matters to a save that extends nothing")
	}
	for name, r := range map[string]saveRequest{
		"of several":       {ref, plain.change, 2},
		"clear":            {ref, &store.Change{Set: set, Clear: true}, 1},
		"extend":           {ref, &store.Change{Set: set, Extend: true}, 1},
		"delete":           {ref, &store.Change{Set: set, Delete: []string{"b"}}, 1},
		"nothing":          {ref, &store.Change{}, 1},
		"absolute timeout": {longer, plain.change, 1},
		"size limit":       {larger, plain.change, 1},
	} {
		if setOnly([]saveRequest{plain, r}) {
			t.Errorf("%s: goes the short way", name)
		}
	}
}
