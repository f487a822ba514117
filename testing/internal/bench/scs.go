package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
)

// lifetime is what scs sessions have, and this library's by default.
const lifetime = 24 * time.Hour

// scsBlob is a session as scs stores it.
func scsBlob(size int) []byte {
	values := map[string]any{}
	for key, value := range content(size) {
		values[key] = value
	}
	return must(scs.GobCodec{}.Encode(time.Now().Add(lifetime), values))
}

// scsSide is scs over one of its stores. A save of one key writes all of the session, as scs does.
func scsSide(store scs.Store, size int) *side {
	blob := scsBlob(size)
	s := &side{
		name: "scs",
		load: func(_ context.Context, i int) error {
			data, found, err := store.Find(token(i))
			if err == nil && (!found || len(data) != len(blob)) {
				err = fmt.Errorf("found %v, %d bytes", found, len(data))
			}
			return err
		},
		miss: func(_ context.Context, i int) error {
			_, found, err := store.Find(token(i))
			if err == nil && found {
				err = errors.New("found what does not exist")
			}
			return err
		},
		save:   func(_ context.Context, i int) error { return store.Commit(token(i), blob, time.Now().Add(lifetime)) },
		create: func(context.Context) error { return store.Commit(rand.Text(), blob, time.Now().Add(lifetime)) },
		destroy: func(context.Context, int) error {
			name := rand.Text()
			return errors.Join(store.Commit(name, blob, time.Now().Add(lifetime)), store.Delete(name))
		},
	}
	s.handler = func(sliding bool) http.Handler { return scsHandler(scsManager(store, sliding), size) }
	s.stray = func() string { return "session=" + rand.Text() }
	s.cookies = func(_ context.Context, n int) ([]string, error) {
		cookies := make([]string, n)
		for i := range cookies {
			name := rand.Text()
			if err := store.Commit(name, blob, time.Now().Add(lifetime)); err != nil {
				return nil, err
			}
			cookies[i] = "session=" + name
		}
		return cookies, nil
	}
	return s
}

// token names the i-th session that seed makes. It looks random, as the tokens do that scs makes.
func token(i int) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func scsManager(store scs.Store, sliding bool) *scs.SessionManager {
	m := scs.New()
	m.Store, m.Lifetime = store, lifetime
	if sliding {
		m.IdleTimeout = time.Hour
	}
	return m
}

func scsHandler(m *scs.SessionManager, size int) http.Handler {
	text := content(size)[entry]
	return m.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			m.Put(r.Context(), entry, text)
			respond(w, text, nil)
			return
		}
		respondTo(w, r, m.GetString(r.Context(), entry), nil)
	}))
}
