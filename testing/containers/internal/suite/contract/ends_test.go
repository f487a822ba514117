package contract_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/store"
)

// clocked is a store with lists and a clock.
type clocked interface {
	store.Store
	store.Finder
	store.Clock
}

// shifted is a store as it is seen from a process whose clock is not the database's: all that it says of times is
// later.
type shifted struct {
	clocked
	by time.Duration
}

func (s shifted) record(r store.Record, err error) (store.Record, error) {
	for _, at := range []*time.Time{&r.CreatedAt, &r.AccessedAt, &r.ExpiresAt, &r.Now} {
		*at = at.Add(s.by)
	}
	return r, err
}

func (s shifted) saved(r store.Saved, err error) (store.Saved, error) {
	for _, at := range []*time.Time{&r.CreatedAt, &r.AccessedAt, &r.ExpiresAt, &r.Now} {
		*at = at.Add(s.by)
	}
	return r, err
}

func (s shifted) Now(ctx context.Context) (time.Time, error) {
	now, err := s.clocked.Now(ctx)
	return now.Add(s.by), err
}

func (s shifted) Load(ctx context.Context, ref store.Ref) (store.Record, error) {
	return s.record(s.clocked.Load(ctx, ref))
}

func (s shifted) Create(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return s.saved(s.clocked.Create(ctx, ref, c))
}

func (s shifted) Save(ctx context.Context, ref store.Ref, c store.Change) (store.Saved, error) {
	return s.saved(s.clocked.Save(ctx, ref, c))
}

func (s shifted) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	return s.saved(s.clocked.Touch(ctx, ref))
}

func (s shifted) Find(ctx context.Context, of store.Selector, keys []string, p store.Policy) ([]store.Record, error) {
	found, err := s.clocked.Find(ctx, of, keys, p)
	for i := range found {
		found[i], _ = s.record(found[i], nil)
	}
	return found, err
}

// held is what a row holds of some entries.
func held(t *testing.T, s store.Finder, of *session.Session, keys ...string) map[string]json.RawMessage {
	t.Helper()
	rows, err := s.Find(t.Context(), store.Selector{Key: of.Handle()}, keys, store.Policy{Timeouts: store.Timeouts{Absolute: time.Hour}})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%v, %v", rows, err)
	}
	var data map[string]json.RawMessage
	if err := json.Unmarshal(rows[0].Data, &data); err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t *testing.T, m *session.Manager, s *session.Session) *session.Session {
	t.Helper()
	opened, err := m.Open(t.Context(), s.ID().Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// On every store entries end by its clock, an hour beside the process's or not, and lists do not show them. A save
// removes what has ended, but not what a sibling has set anew.
func TestEntriesEndOnEveryStore(t *testing.T) {
	for name, s := range allStores(t) {
		for _, by := range []time.Duration{0, time.Hour, -time.Hour} {
			for _, sealed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, clock shifted by %v, sealed %v", name, by, sealed), func(t *testing.T) {
					config := session.Config{CollectInterval: -1}
					if sealed {
						config.Sealing = session.Sealing{All: true, Keys: []session.SealingKey{{ID: "k", Secret: bytes.Repeat([]byte("k"), 32)}}}
					}
					on := shifted{s.(clocked), by}
					m, err := session.New(on, config)
					if err != nil {
						t.Fatal(err)
					}
					endsOn(t, on, m, fmt.Sprint(name, by, sealed))
				})
			}
		}
	}
}

func endsOn(t *testing.T, s shifted, m *session.Manager, owner string) {
	const soon = 30 * time.Millisecond
	of := m.NewSession()
	err := errors.Join(of.SetOwner(owner), of.SetFor("later", "1", 10*time.Minute), of.SetFor("soon", "2", soon),
		of.SetFor("fresh", "3", soon), of.Save(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s, soon)
	opened, sibling := open(t, m, of), open(t, m, of)
	list, err := m.Sessions(t.Context(), owner, "later", "soon", "fresh")
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	shows(t, opened, "1", "", "")
	shows(t, list[0], "1", "", "")
	if data := held(t, s, of, "soon", "fresh"); len(data) != 2 || !strings.Contains(string(data["soon"]), "$ends") {
		t.Errorf("before a save the row holds %s", data)
	}
	// The first save removes both; then one is set anew, which a save that has not seen it leaves alone.
	if err := errors.Join(opened.Set("n", 1), opened.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	if data := held(t, s, of, "soon", "fresh"); len(data) != 0 {
		t.Errorf("after a save the row holds %s", data)
	}
	err = errors.Join(sibling.SetFor("fresh", "4", 10*time.Minute), sibling.SetFor("soon", "5", soon), sibling.Save(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, s, soon)
	first, second := open(t, m, of), open(t, m, of)
	if err := errors.Join(second.SetFor("soon", "6", 10*time.Minute), second.Save(t.Context()), first.Set("n", 2), first.Save(t.Context())); err != nil {
		t.Fatal(err)
	}
	shows(t, open(t, m, of), "1", "6", "4")
	if err := of.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// wait returns when the store's clock has gone on by d.
func wait(t *testing.T, s store.Clock, d time.Duration) {
	t.Helper()
	var end time.Time
	for {
		now, err := s.Now(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if end.IsZero() {
			end = now.Add(d)
		}
		if !now.Before(end) {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func shows(t *testing.T, r session.Getter, later, soon, fresh string) {
	t.Helper()
	for key, want := range map[string]string{"later": later, "soon": soon, "fresh": fresh} {
		if got, ok, err := session.Find[string](r, key); got != want || ok != (want != "") || err != nil {
			t.Errorf("%T: %s is %q, %v, %v; want %q", r, key, got, ok, err, want)
		}
	}
}

// What looks like an entry with an end comes back as it was set, however the database spells it.
func TestLookAlikesOnEveryStore(t *testing.T) {
	for name, s := range allStores(t) {
		t.Run(name, func(t *testing.T) {
			m, err := session.New(s, session.Config{CollectInterval: -1})
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{
				`{"$ends":1,"value":2}`, `{"$ends":null,"value":{"$ends":1,"value":[]}}`, `{"$ends":1,"value":2,"x":3}`,
				`{"$ends":0,"value":1}`, `{"$ends":99999999999999999999,"value":""}`,
			} {
				of := m.NewSession()
				if err := errors.Join(of.Set("k", json.RawMessage(text)), of.Set("n", 1), of.Save(t.Context())); err != nil {
					t.Fatal(err)
				}
				// Of the two saves the second has not seen the row: the database itself merges it.
				one, other := open(t, m, of), open(t, m, of)
				if err := errors.Join(one.Set("n", 2), one.Save(t.Context()), other.Set("n", 3), other.Save(t.Context())); err != nil {
					t.Fatal(err)
				}
				type pair struct {
					Ends  json.RawMessage `json:"$ends"`
					Value json.RawMessage `json:"value"`
				}
				var want pair
				got, err := session.Get[pair](open(t, m, of), "k")
				if wrong := json.Unmarshal([]byte(text), &want); err != nil || wrong != nil || spaceless(got.Ends) != spaceless(want.Ends) ||
					spaceless(got.Value) != spaceless(want.Value) {
					t.Errorf("%s comes back as %s and %s, %v", text, got.Ends, got.Value, err)
				}
			}
		})
	}
}

func spaceless(text []byte) string { return strings.ReplaceAll(string(text), " ", "") }
