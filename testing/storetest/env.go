package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// env is what one case works with: a fresh store and the policy of its calls. Its helpers fail the test if a call that
// must succeed does not.
type env struct {
	testing.TB
	Fixture
	ctx      context.Context
	policy   store.Policy
	patience time.Duration // how long an event may take
}

const (
	idle     = time.Hour
	absolute = 24 * time.Hour
	grace    = 30 * time.Second
)

func defaultPolicy() store.Policy {
	return store.Policy{
		Timeouts: store.Timeouts{Idle: idle, Absolute: absolute},
		Step:     time.Minute,
		Grace:    grace,
		MaxBytes: 1 << 20,
		Realm:    "storetest",
	}
}

// ref names a session that does not exist yet.
func (e *env) ref() store.Ref {
	ref := store.Ref{Hash: newHash(), Policy: e.policy}
	_, _ = rand.Read(ref.Key[:])
	return ref
}

func newHash() (h store.Hash) {
	_, _ = rand.Read(h[:])
	return h
}

// created returns the name of a new session.
func (e *env) created(change store.Change) store.Ref {
	e.Helper()
	ref := e.ref()
	e.create(ref, change)
	return ref
}

func (e *env) create(ref store.Ref, change store.Change) store.Saved {
	e.Helper()
	saved, err := e.Store.Create(e.ctx, ref, change)
	e.must(err, "Create")
	e.wholeMilliseconds(saved.CreatedAt, saved.AccessedAt, saved.ExpiresAt, saved.Now)
	return saved
}

func (e *env) load(ref store.Ref) store.Record {
	e.Helper()
	r, err := e.Store.Load(e.ctx, ref)
	e.must(err, "Load")
	e.wholeMilliseconds(r.CreatedAt, r.AccessedAt, r.ExpiresAt, r.RotatedAt, r.AuthenticatedAt, r.Now)
	return r
}

func (e *env) save(ref store.Ref, change store.Change) store.Saved {
	e.Helper()
	saved, err := e.Store.Save(e.ctx, ref, change)
	e.must(err, "Save")
	e.wholeMilliseconds(saved.CreatedAt, saved.AccessedAt, saved.ExpiresAt, saved.Now)
	return saved
}

func (e *env) touch(ref store.Ref) store.Saved {
	e.Helper()
	saved, err := e.Store.Touch(e.ctx, ref)
	e.must(err, "Touch")
	e.wholeMilliseconds(saved.CreatedAt, saved.AccessedAt, saved.ExpiresAt, saved.Now)
	return saved
}

func (e *env) delete(ref store.Ref) {
	e.Helper()
	e.must(e.Store.Delete(e.ctx, ref), "Delete")
}

func (e *env) must(err error, what string) {
	e.Helper()
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

func (e *env) wholeMilliseconds(times ...time.Time) {
	e.Helper()
	for _, t := range times {
		if !t.Equal(t.Truncate(time.Millisecond)) || t.Location() != time.UTC {
			e.Errorf("%v is not a time in UTC and whole milliseconds", t)
		}
	}
}

// failed checks that err is the wanted one and gives nothing away. ErrGone may be ErrExpired, and nothing more exact.
func (e *env) failed(err, want error, ref store.Ref, what string) {
	e.Helper()
	if !errors.Is(err, want) || want == store.ErrGone && saysMore(err) {
		e.Errorf("%s: got error %v, want %v", what, err, want)
	}
	e.discreet(err, ref)
}

// saysMore reports whether an error says of a session that is gone what only its former secret may hear.
func saysMore(err error) bool {
	return errors.Is(err, store.ErrRotated) || errors.Is(err, store.ErrReused)
}

// discreet checks that the error does not contain the secret's hash.
func (e *env) discreet(err error, ref store.Ref) {
	e.Helper()
	if err == nil {
		return
	}
	text := strings.ToLower(err.Error())
	if strings.Contains(text, hex.EncodeToString(ref.Hash[:])) || strings.Contains(err.Error(), string(ref.Hash[:])) ||
		strings.Contains(err.Error(), base64.RawStdEncoding.EncodeToString(ref.Hash[:])) {
		e.Errorf("an error contains the secret's hash")
	}
}

// refuses checks that Load, Save and Touch all answer with the wanted error.
func (e *env) refuses(ref store.Ref, want error) {
	e.Helper()
	_, err := e.Store.Load(e.ctx, ref)
	e.failed(err, want, ref, "Load")
	_, err = e.Store.Save(e.ctx, ref, set("refused", `true`))
	e.failed(err, want, ref, "Save")
	_, err = e.Store.Touch(e.ctx, ref)
	e.failed(err, want, ref, "Touch")
}

// unchanged checks that the row is what it was when before was loaded.
func (e *env) unchanged(ref store.Ref, before store.Record) {
	e.Helper()
	after := e.load(ref)
	e.same(after, before, "the row has changed")
	e.sameData(after.Data, string(before.Data))
}

// same compares all of two records but their data, the realm, which may be left out, and the store's clock.
func (e *env) same(got, want store.Record, what string) {
	e.Helper()
	if got.Key != want.Key || got.Hash != want.Hash || got.Version != want.Version || got.Owner != want.Owner ||
		got.Tag != want.Tag || got.Timeouts != want.Timeouts || got.Persistence != want.Persistence ||
		!slices.Equal(got.Former, want.Former) || !bytes.Equal(got.Device, want.Device) ||
		!got.RotatedAt.Equal(want.RotatedAt) || !got.AuthenticatedAt.Equal(want.AuthenticatedAt) {
		e.Errorf("%s:\n got %+v\nwant %+v", what, got, want)
	}
	if !got.CreatedAt.Equal(want.CreatedAt) || !got.AccessedAt.Equal(want.AccessedAt) || !got.ExpiresAt.Equal(want.ExpiresAt) {
		e.Errorf("%s: created %v, accessed %v, expires %v; want %v, %v, %v", what,
			got.CreatedAt, got.AccessedAt, got.ExpiresAt, want.CreatedAt, want.AccessedAt, want.ExpiresAt)
	}
}

// holds checks the session's data.
func (e *env) holds(ref store.Ref, want string) {
	e.Helper()
	e.sameData(e.load(ref).Data, want)
}

func (e *env) sameData(got []byte, want string) {
	e.Helper()
	if !bytes.HasPrefix(bytes.TrimSpace(got), []byte("{")) {
		e.Fatalf("the data is no JSON object: %.200q", got)
	}
	same, err := EqualJSON(got, []byte(want))
	if err != nil {
		e.Fatalf("the data cannot be compared: %v", err)
	}
	if !same {
		e.Errorf("the data is %.500s, want %.500s", got, want)
	}
}

// entries decodes a session's data one level deep.
func (e *env) entries(data []byte) map[string]json.RawMessage {
	e.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal(data, &m); err != nil || m == nil {
		e.Fatalf("the data is no JSON object: %.200q (%v)", data, err)
	}
	return m
}

// parallel runs fn n times at once and waits for all. fn must not call Fatal.
func (e *env) parallel(n int, fn func(i int)) {
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			fn(i)
		})
	}
	close(start)
	wg.Wait()
}

// rounds returns how often a race is run: n times, a tenth of it with -short.
func rounds(n int) int {
	if testing.Short() {
		return max(n/10, 3)
	}
	return n
}

// set returns a change of the given keys and canonical JSON values, in turn.
func set(pairs ...string) store.Change {
	c := store.Change{Set: map[string]json.RawMessage{}}
	for i := 0; i < len(pairs); i += 2 {
		c.Set[pairs[i]] = json.RawMessage(pairs[i+1])
	}
	return c
}

func ptr[T any](v T) *T { return &v }
