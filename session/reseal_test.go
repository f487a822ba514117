package session_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/simples-go/sessions/session"
)

func TestResealRewritesEverySession(t *testing.T) {
	const n = 1200
	site := sealingSite(t, "old")
	all := make([]*session.Session, n)
	for i := range all {
		all[i] = site.m.NewSession()
		site.ok(errors.Join(all[i].Set("token", fmt.Sprint("secret ", i)), all[i].Set("plain", i), all[i].Save(t.Context())))
	}
	later := site.withKeys("new", "old")
	expires := all[0].Expiration()
	for _, want := range []int{n, 0} {
		if got, err := later.m.Reseal(t.Context()); got != want || err != nil {
			t.Errorf("resealed %d, %v; want %d", got, err, want)
		}
	}
	only := site.withKeys("new")
	for i, s := range all {
		opened := only.open(s)
		wantEntry(t, "resealed", opened, "token", fmt.Sprint("secret ", i))
		wantEntry(t, "beside it", opened, "plain", i)
	}
	if got := only.open(all[0]).Expiration(); got.Before(expires) {
		t.Errorf("expires %v, before it was %v", got, expires)
	}
}

// Reseal asks a source for its keys first: with those of before it would turn the entries of other nodes back.
func TestResealAsksTheSource(t *testing.T) {
	keys, failure := []session.SealingKey{sealingKey("old"), sealingKey("new")}, error(nil)
	site := newSite(t, func(c *session.Config) {
		source := func(context.Context) ([]session.SealingKey, error) { return keys, failure }
		c.Sealing = session.Sealing{Entries: []string{"token"}, KeySource: source}
	})
	of := site.withKeys("new", "old").m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
	keys = []session.SealingKey{sealingKey("new"), sealingKey("old")}
	if n, err := site.m.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("resealed %d, %v", n, err)
	}
	wantSealed(t, "after it", site.rowText(of, "token"), "new")
	failure = errMine
	_, err := site.m.Reseal(t.Context())
	wantIs(t, "Reseal", err, errMine)
}

// Whoever writes or rotates meanwhile loses nothing, and is not overlooked.
func TestResealBesideOthers(t *testing.T) {
	site := sealingSite(t, "old")
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Set("other", "secret"), of.Save(t.Context())))
	later := site.withKeys("new", "old")
	done := make(chan error, 1)
	go func() {
		var err error
		for i := range 50 {
			err = errors.Join(err, of.Set("token", fmt.Sprint("secret ", i)), of.Generate(), of.Save(t.Context()))
		}
		done <- err
	}()
	for range 20 {
		if _, err := later.m.Reseal(t.Context()); err != nil {
			t.Error(err)
		}
	}
	site.ok(<-done)
	if _, err := later.m.Reseal(t.Context()); err != nil {
		t.Error(err)
	}
	only := site.withKeys("new")
	wantEntry(t, "written meanwhile", only.open(of), "token", "secret 49")
	wantEntry(t, "left alone", only.open(of), "other", "secret")
}

func TestResealNamesWhatItCannotOpen(t *testing.T) {
	site := sealingSite(t, "lost")
	lost := site.m.NewSession()
	site.ok(errors.Join(lost.Set("token", "secret"), lost.Save(t.Context())))
	old := site.withKeys("old")
	kept := old.m.NewSession()
	site.ok(errors.Join(kept.Set("token", "secret"), kept.Save(t.Context())))
	later := site.withKeys("new", "old")
	n, err := later.m.Reseal(t.Context())
	wantIs(t, "Reseal", err, session.ErrSealed)
	if n != 1 || !strings.Contains(err.Error(), lost.Handle().String()) || !strings.Contains(err.Error(), "key lost") {
		t.Errorf("%d, %v; the error has to name session and key", n, err)
	}
	wantSealed(t, "the other one", later.rowText(kept, "token"), "new")
	if lost := later.open(lost); lost.Err() != nil || !lost.Has("token") {
		t.Errorf("the session: %v", lost.Err())
	}
}

func TestResealSealsPlainEntries(t *testing.T) {
	site := newSite(t)
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(t.Context())))
	if n, err := site.withKeys("new").m.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("without AcceptPlain: %d, %v", n, err)
	}
	accepting := site.with(func(c *session.Config) { c.Sealing = sealingWith("new"); c.Sealing.AcceptPlain = true })
	if n, err := accepting.m.Reseal(t.Context()); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	wantEntry(t, "sealed", site.withKeys("new").open(of), "token", "secret")
}

func TestResealNeedsKeys(t *testing.T) {
	if _, err := newSite(t).m.Reseal(t.Context()); err == nil {
		t.Error("resealed without keys")
	}
}

// FuzzSealedEntry: whatever stands in the row in a sealed entry's place, it is opened as what was sealed there, or refused.
func FuzzSealedEntry(f *testing.F) {
	site := sealingSite(f, "new")
	ctx := context.Background()
	of := site.m.NewSession()
	site.ok(errors.Join(of.Set("token", "secret"), of.Save(ctx)))
	text, _ := of.Raw("token")
	plain := site.with(func(*session.Config) {})
	for _, seed := range []string{string(text), `"sealed:1:new:"`, `"sealed:1:new:AAAA"`, `{"sealed":1}`, `null`, `"secret"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, some []byte) {
		writer, err := plain.m.Open(t.Context(), of.ID().Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if writer.Set("token", json.RawMessage(some)) != nil {
			return
		}
		if err := writer.Save(t.Context()); err != nil {
			t.Fatal(err)
		}
		reader, err := site.m.Open(t.Context(), of.ID().Reveal())
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.Get[string](reader, "token")
		if stored, _ := writer.Raw("token"); err == nil && (got != "secret" || !bytes.Equal(stored, text)) {
			t.Fatalf("%q opens as %q", some, got)
		}
		if err != nil && !errors.Is(err, session.ErrSealed) {
			t.Fatal(err)
		}
	})
}
