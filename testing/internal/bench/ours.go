package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session"
	"github.com/simples-go/sessions/session/memstore"
	"github.com/simples-go/sessions/session/store"
)

var policy = store.Policy{
	Timeouts: store.Timeouts{Idle: time.Hour, Absolute: 24 * time.Hour},
	Step:     6 * time.Minute, Grace: 30 * time.Second, MaxBytes: 1 << 20,
}

// begin is when the first session was made, in milliseconds; the others follow, one each millisecond.
const begin = 1_700_000_000_000

// reference names the i-th session that seed makes. Its key begins with the time, as those do that a manager makes.
func reference(i int) store.Ref {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	ref := store.Ref{Hash: sha256.Sum256(sum[:]), Policy: policy}
	binary.BigEndian.PutUint64(ref.Key[:8], uint64(begin+i)<<16)
	copy(ref.Key[6:], sum[6:])
	return ref
}

func change(size int) store.Change {
	c := store.Change{Set: map[string]json.RawMessage{}}
	for key, value := range content(size) {
		c.Set[key], _ = json.Marshal(value)
	}
	return c
}

// ours is this library over one of its stores.
func ours(name string, st store.Store, rows, size int) *side {
	value := change(size).Set[entry]
	whole := change(size)
	seen := &seen{versions: make([]atomic.Int64, rows), data: must(jsonobj.Scan(must(jsonOf(size))))}
	return &side{
		name: name,
		load: func(ctx context.Context, i int) error {
			r, err := st.Load(ctx, reference(i))
			if err == nil && len(r.Data) < len(value) {
				err = fmt.Errorf("loaded %d bytes", len(r.Data))
			}
			return err
		},
		miss: func(ctx context.Context, i int) error {
			if _, err := st.Load(ctx, reference(i)); !errors.Is(err, store.ErrGone) {
				return fmt.Errorf("a session that does not exist: %v", err)
			}
			return nil
		},
		save: func(ctx context.Context, i int) error {
			one := store.Change{Set: map[string]json.RawMessage{entry: value}, Base: seen.base(i)}
			saved, err := st.Save(ctx, reference(i), one)
			seen.saved(i, saved)
			return err
		},
		create: func(ctx context.Context) error { _, err := st.Create(ctx, fresh(), whole); return err },
		destroy: func(ctx context.Context, _ int) error {
			ref := fresh()
			_, err := st.Create(ctx, ref, whole)
			return errors.Join(err, st.Delete(ctx, ref))
		},
		handler: func(bool) http.Handler { return oursHandler(st, size) },
		cookies: func(ctx context.Context, n int) ([]string, error) { return oursCookies(ctx, st, size, n) },
		stray:   func() string { return oursCookie(oursManager(st).NewSession()) },
	}
}

// seen is what connections know of the rows that they have loaded, as each one does before it saves. All have the same
// data, which a save sets again.
type seen struct {
	versions []atomic.Int64 // 0: the first
	data     jsonobj.Object
}

func (s *seen) base(i int) *store.Base { return store.NewBase(max(1, s.versions[i].Load()), s.data) }

func (s *seen) saved(i int, saved store.Saved) { s.versions[i].Store(saved.Version) }

// fresh names a session that does not exist yet, as a manager would.
func fresh() store.Ref {
	m := must(session.New(memstore.New(), session.Config{}))
	id := m.NewSession().ID()
	return store.Ref{Key: id.Handle(), Hash: sha256.Sum256([]byte(id.Reveal())), Policy: policy}
}

func oursManager(store store.Store) *session.Manager {
	return must(session.New(store, session.Config{CollectInterval: -1}))
}

func oursHandler(store store.Store, size int) http.Handler {
	text := content(size)[entry]
	return oursManager(store).Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := session.FromContext(r.Context())
		if r.Method == http.MethodPost {
			respond(w, text, s.Set(entry, text))
			return
		}
		value, err := session.Get[string](s, entry)
		respondTo(w, r, value, err)
	}))
}

func oursCookies(ctx context.Context, store store.Store, size, n int) ([]string, error) {
	m := oursManager(store)
	cookies := make([]string, n)
	for i := range cookies {
		s := m.NewSession()
		for key, value := range content(size) {
			if err := s.Set(key, value); err != nil {
				return nil, err
			}
		}
		if err := s.Save(ctx); err != nil {
			return nil, err
		}
		cookies[i] = oursCookie(s)
	}
	return cookies, nil
}

func oursCookie(s *session.Session) string { return "__Host-Http-session=" + s.ID().Reveal() }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
