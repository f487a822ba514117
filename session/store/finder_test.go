package store_test

import (
	"errors"
	"testing"

	"github.com/simples-go/sessions/session/store"
)

func TestOwnerLimitMakesRoom(t *testing.T) {
	for _, c := range []struct {
		limit  store.OwnerLimit
		others int
		first  int // the newest of those that end
		fails  bool
	}{
		{limit: store.OwnerLimit{}, others: 9, first: 9},
		{limit: store.OwnerLimit{EndOldest: true}, others: 9, first: 9},
		{limit: store.OwnerLimit{Max: 3}, others: 2, first: 2},
		{limit: store.OwnerLimit{Max: 3}, others: 3, fails: true},
		{limit: store.OwnerLimit{Max: 3, EndOldest: true}, others: 2, first: 2},
		{limit: store.OwnerLimit{Max: 3, EndOldest: true}, others: 3, first: 2},
		{limit: store.OwnerLimit{Max: 3, EndOldest: true}, others: 9, first: 2}, // after a higher limit
		{limit: store.OwnerLimit{Max: 1, EndOldest: true}, others: 2, first: 0},
	} {
		others := make([]store.Record, c.others)
		for i := range others {
			others[i].Key = store.Handle{byte(i)}
		}
		oldest, err := c.limit.MakeRoom(others)
		if errors.Is(err, store.ErrOwnerLimit) != c.fails {
			t.Errorf("%+v with %d others: %v", c.limit, c.others, err)
		}
		if c.fails {
			continue
		}
		if want := c.others - c.first; len(oldest) != want || want > 0 && oldest[0].Key != others[c.first].Key {
			t.Errorf("%+v with %d others ends %d, want %d", c.limit, c.others, len(oldest), want)
		}
	}
}

func TestOwnerLimitAppliesToWhoJoins(t *testing.T) {
	limit := store.OwnerLimit{Max: 1}
	for _, c := range []struct {
		limit      store.OwnerLimit
		old, owner string
		want       bool
	}{
		{limit, "", "anna", true},
		{limit, "bert", "anna", true},
		{limit, "anna", "anna", false},
		{limit, "anna", "", false},
		{limit, "", "", false},
		{store.OwnerLimit{EndOldest: true}, "", "anna", false},
	} {
		if got := c.limit.Applies(c.old, c.owner); got != c.want {
			t.Errorf("%+v for %q after %q: %v", c.limit, c.owner, c.old, got)
		}
	}
}
