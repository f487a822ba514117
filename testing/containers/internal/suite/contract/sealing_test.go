package contract_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

func sealing(t *testing.T, s store.Store, ids ...string) *session.Manager {
	t.Helper()
	config := session.Config{Sealing: session.Sealing{Entries: []string{"token"}}}
	for _, id := range ids {
		config.Sealing.Keys = append(config.Sealing.Keys, session.SealingKey{ID: id, Secret: bytes.Repeat([]byte(id[:1]), 32)})
	}
	m, err := session.New(s, config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Sealed entries are merged, modified, listed and sealed anew on every store, and a reader of the rows finds no secret.
func TestSealedEntriesOnEveryStore(t *testing.T) {
	for name, s := range allStores(t) {
		t.Run(name, func(t *testing.T) {
			m := sealing(t, s, "old")
			of := m.NewSession()
			if err := errors.Join(of.Login("ann"), of.Set("token", "secret"), of.Set("plain", 1), of.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				other, err := m.Open(t.Context(), of.ID().Reveal())
				if err != nil {
					t.Fatal(err)
				}
				add := func(old string) (string, error) { return fmt.Sprint(old, i), nil }
				if _, err := session.ModifyKey(t.Context(), other, "token", add); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(of.Set("plain", 2), of.Save(t.Context())); err != nil {
				t.Fatal(err)
			}
			later := sealing(t, s, "new", "old")
			for _, want := range []int{1, 0} {
				if n, err := later.Reseal(t.Context()); n != want || err != nil {
					t.Errorf("resealed %d, %v; want %d", n, err, want)
				}
			}
			list, err := sealing(t, s, "new").Sessions(t.Context(), "ann", "token", "plain")
			if err != nil || len(list) != 1 {
				t.Fatalf("%v, %v", list, err)
			}
			if got, err := session.Get[string](list[0], "token"); got != "secret012" || err != nil {
				t.Errorf("listed %q, %v", got, err)
			}
			if raw, _ := list[0].Raw("token"); !strings.HasPrefix(string(raw), `"sealed:1:new:`) {
				t.Errorf("stored as %s", raw)
			}
		})
	}
}
