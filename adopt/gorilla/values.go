package gorilla

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/gorilla/sessions"
	"github.com/simples-go/sessions/adopt/internal/typed"
	"github.com/simples-go/sessions/session"
)

// knowledge is what is known of the row of a sessions.Session, which has no place for it.
type knowledge struct {
	token   string
	entries map[string]entry
}

type entry struct {
	raw   json.RawMessage
	tag   string
	value any
}

// knowledgeOf holds a *knowledge for each weak.Pointer[sessions.Session], as long as that lives.
var knowledgeOf sync.Map

func remember(of *sessions.Session, k *knowledge) {
	key := weak.Make(of)
	if _, again := knowledgeOf.Swap(key, k); !again {
		runtime.AddCleanup(of, func(key weak.Pointer[sessions.Session]) { knowledgeOf.Delete(key) }, key)
	}
}

func forget(of *sessions.Session) { knowledgeOf.Delete(weak.Make(of)) }

func known(of *sessions.Session) *knowledge {
	if k, ok := knowledgeOf.Load(weak.Make(of)); ok {
		return k.(*knowledge)
	}
	return &knowledge{}
}

// read reads a session's entries with their types.
func read(s *session.Session) (*knowledge, error) {
	k := &knowledge{entries: map[string]entry{}}
	if !s.IsNew() {
		k.token = s.ID().Reveal()
	}
	for key, raw := range s.All() {
		if strings.HasPrefix(key, typed.Prefix) {
			continue
		}
		tag, err := session.Get[string](s, typed.Prefix+key)
		if err != nil {
			return nil, err
		}
		value, err := typed.Decode(raw, tag)
		if err != nil {
			return nil, fmt.Errorf("gorilla: entry %q: %w", key, err)
		}
		k.entries[key] = entry{raw, tag, value}
	}
	return k, nil
}

// ends reports whether a save of made ends it.
func ends(made *sessions.Session) bool { return made.Options != nil && made.Options.MaxAge < 0 }

// apply puts into s what differs in made from what is known.
func (st *Store) apply(r *http.Request, s *session.Session, made *sessions.Session, k *knowledge) error {
	if ends(made) {
		return s.Destroy(r.Context())
	}
	if made.ID == "" && k.token != "" {
		if err := s.Renew(); err != nil {
			return err
		}
	}
	if err := values(s, made, k); err != nil {
		return err
	}
	if made.Options == nil || s.IsNew() && !s.Changed() {
		return nil
	}
	return st.maxAge(s, made.Options.MaxAge)
}

func values(s *session.Session, made *sessions.Session, k *knowledge) error {
	for key, value := range made.Values {
		name, ok := key.(string)
		if !ok {
			return fmt.Errorf("gorilla: the key %v is a %T, not a string", key, key)
		}
		if err := setValue(s, name, value, k.entries[name]); err != nil {
			return err
		}
	}
	for name := range k.entries {
		if _, there := made.Values[name]; there {
			continue
		}
		if err := remove(s, name); err != nil {
			return err
		}
	}
	return nil
}

// setValue sets an entry if it differs from what is known of it.
func setValue(s *session.Session, name string, value any, before entry) error {
	raw, tag, err := typed.Encode(value)
	if err != nil {
		return fmt.Errorf("gorilla: entry %q: %w", name, err)
	}
	if before.raw != nil && tag == before.tag && equal(raw, before.raw) {
		return nil
	}
	if err := s.Set(name, raw); err != nil {
		return err
	}
	if tag == "" {
		return s.Delete(typed.Prefix + name)
	}
	return s.Set(typed.Prefix+name, tag)
}

// equal compares JSON that encoding/json has made with JSON that the store has: keys may be in another order there.
func equal(a, b json.RawMessage) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, errX := sorted(a)
	y, errY := sorted(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// sorted sorts the keys of objects, and leaves numbers as they are.
func sorted(raw json.RawMessage) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

func remove(s *session.Session, name string) error {
	if err := s.Delete(name); err != nil {
		return err
	}
	return s.Delete(typed.Prefix + name)
}

// maxAge gives a session the life that its Options say, if that is another than the configuration's.
func (st *Store) maxAge(s *session.Session, seconds int) error {
	if seconds == st.life {
		return nil
	}
	if seconds == 0 {
		if !s.IsNew() {
			return nil // it has been said, or is too late
		}
		return s.SetPersistent(false)
	}
	life := time.Duration(seconds) * time.Second
	idle := life
	if st.idle > 0 {
		idle = min(st.idle, life)
	}
	if life == s.AbsoluteTimeout() && idle == s.Timeout() {
		return nil
	}
	if err := s.SetAbsoluteTimeout(life); err != nil {
		return err
	}
	return s.SetTimeout(idle)
}
