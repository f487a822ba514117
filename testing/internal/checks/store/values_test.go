package store

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
	"github.com/simples-go/sessions/testing/storetest"
)

// TestSessionsTakeTheSameValues sets every value of the table on a session of each store, and reads it as another
// connection would: what is refused is refused before any store sees it, and what is taken comes back equal.
func TestSessionsTakeTheSameValues(t *testing.T) {
	for name, store := range map[string]store.Store{"memory": newMemory().full, "SQLite": newSQLite(t).full} {
		t.Run(name, func(t *testing.T) {
			manager, err := session.New(store, session.Config{IdleTimeout: time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			s := manager.NewSession()
			if err := s.Set("first", true); err != nil {
				t.Fatal(err)
			}
			for _, v := range storetest.Values() {
				if v.Refused() {
					refused(t, manager, v)
				} else if err := s.Set(v.Name, json.RawMessage(v.JSON)); err != nil {
					t.Errorf("%s: %v", v.Name, err)
				}
			}
			if err := s.Save(t.Context()); err != nil {
				t.Fatal(err)
			}
			sameValues(t, manager, s.ID().Reveal())
		})
	}
}

// refused checks that a session without the value is what is left of setting it.
func refused(t *testing.T, manager *session.Manager, v storetest.Value) {
	t.Helper()
	s := manager.NewSession()
	if err := s.Set(v.Name, json.RawMessage(v.JSON)); !errors.Is(err, session.ErrValue) {
		t.Errorf("%s: got error %v, want %v", v.Name, err, session.ErrValue)
	}
	if s.Has(v.Name) || s.Len() != 0 {
		t.Errorf("%s: the refused value is in the session", v.Name)
	}
}

func sameValues(t *testing.T, manager *session.Manager, token string) {
	t.Helper()
	s, err := manager.Open(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range storetest.Values() {
		raw, ok := s.Raw(v.Name)
		if ok == v.Refused() {
			t.Errorf("%s: in the session: %v", v.Name, ok)
		}
		if !ok {
			continue
		}
		if same, err := storetest.EqualJSON(raw, []byte(v.Canonical)); err != nil || !same {
			t.Errorf("%s: %.100s is not equal to %.100s (%v)", v.Name, raw, v.Canonical, err)
		}
	}
}
