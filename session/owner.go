package session

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// Summary is what a list of sessions shows of one. There is no token in it. Read its entries with Get or Key.
type Summary struct {
	Handle    Handle
	Owner     string
	Tag       string
	CreatedAt time.Time // or of the last Renew
	LastSeen  time.Time // at most Config.TouchStep before the last access
	ExpiresAt time.Time
	entries   jsonobj.Object // those that had not ended when the list was made
	sealer    *sealer
}

// lookup implements Getter.
func (i Summary) lookup(key string) (json.RawMessage, error) {
	text, _ := i.entries.Get(key)
	e, _ := unwrap(text)
	return i.sealer.open(i.Handle, key, e)
}

// Has reports whether the entry was requested and exists.
func (i Summary) Has(key string) bool {
	_, ok := i.entries.Get(key)
	return ok
}

// Keys returns the keys of the entries that were requested and exist.
func (i Summary) Keys() []string { return keysOf(i.entries) }

// Raw returns a copy of the JSON text of an entry, as Session.Raw does.
func (i Summary) Raw(key string) (json.RawMessage, bool) {
	text, ok := i.entries.Get(key)
	e, _ := unwrap(text)
	return slices.Clone(e.text), ok
}

// Sessions lists the live sessions of owner, newest first, with the given entries of each: for a page that says "Firefox,
// yesterday". errors.ErrUnsupported is returned if the store cannot.
func (m *Manager) Sessions(ctx context.Context, owner string, entries ...string) ([]Summary, error) {
	return m.list(ctx, store.Selector{Realm: m.realm, Owner: owner}, entries)
}

// SessionsTagged lists the live sessions with a tag, as Sessions does for an owner.
func (m *Manager) SessionsTagged(ctx context.Context, tag string, entries ...string) ([]Summary, error) {
	return m.list(ctx, store.Selector{Realm: m.realm, Tag: tag}, entries)
}

func (m *Manager) list(ctx context.Context, selector store.Selector, entries []string) ([]Summary, error) {
	finder, err := m.finder()
	if err != nil || !selector.Valid() {
		return nil, err
	}
	records, err := finder.Find(ctx, selector, entries, m.policy())
	if err != nil {
		return nil, fmt.Errorf("session: list sessions: %w", err)
	}
	found := make([]Summary, len(records))
	for i, r := range records {
		obj, err := scan(r.Data)
		if err != nil {
			return nil, fmt.Errorf("session: list %s: %w", r.Key, err)
		}
		found[i] = Summary{
			Handle: r.Key, Owner: r.Owner, Tag: r.Tag, CreatedAt: r.CreatedAt, LastSeen: r.AccessedAt,
			ExpiresAt: r.End(m.policy()), entries: living(obj, r.Now), sealer: m.sealer,
		}
	}
	return found, nil
}

// Revoke ends a session by its handle, whoever's it is, and its sockets on every node. It reports whether there was one.
func (m *Manager) Revoke(ctx context.Context, handle Handle) (bool, error) {
	n, err := m.revoke(ctx, store.Selector{Key: handle})
	return n > 0, err
}

// RevokeOwned ends a session by its handle if it is that owner's: for a button on the user's own page.
func (m *Manager) RevokeOwned(ctx context.Context, owner string, handle Handle) (bool, error) {
	if owner == "" || handle.IsZero() {
		return false, errNothingSelected
	}
	n, err := m.revoke(ctx, store.Selector{Realm: m.realm, Owner: owner, Key: handle})
	return n > 0, err
}

// RevokeOwner ends all sessions of owner, but for the one of handle except if that is not zero, and returns how many.
func (m *Manager) RevokeOwner(ctx context.Context, owner string, except Handle) (int, error) {
	if owner == "" {
		return 0, errNothingSelected
	}
	return m.revoke(ctx, store.Selector{Realm: m.realm, Owner: owner, Except: except})
}

// RevokeOwnerPrefix ends all sessions of the owners that begin with prefix, and returns how many: of a tenant whose users'
// names begin with its own. End it with what ends the tenant's name, as in "acme/".
func (m *Manager) RevokeOwnerPrefix(ctx context.Context, prefix string) (int, error) {
	if prefix == "" {
		return 0, errNothingSelected
	}
	return m.revoke(ctx, store.Selector{Realm: m.realm, OwnerPrefix: prefix})
}

// RevokeTagged ends all sessions with a tag, and returns how many.
func (m *Manager) RevokeTagged(ctx context.Context, tag string) (int, error) {
	if tag == "" {
		return 0, errNothingSelected
	}
	return m.revoke(ctx, store.Selector{Realm: m.realm, Tag: tag})
}

// RevokeAll ends all sessions of the manager's realm, anonymous ones too, and returns how many. On a large table, give ctx a
// deadline of its own: without one, the store's time limit for any call holds.
func (m *Manager) RevokeAll(ctx context.Context) (int, error) {
	return m.revoke(ctx, store.Selector{Realm: m.realm, All: true})
}

// errNothingSelected keeps an empty name from selecting more than was meant.
var errNothingSelected = errors.New("session: revoke: no session named")

func (m *Manager) revoke(ctx context.Context, selector store.Selector) (int, error) {
	if !selector.Valid() {
		return 0, errNothingSelected
	}
	finder, err := m.finder()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	ended, err := finder.Revoke(ctx, selector)
	m.observe(ctx, OpRevoke, selector.Key, selector.Owner, start, err)
	for _, handle := range ended {
		m.hub.end(handle, ErrRevoked)
	}
	if err != nil {
		return len(ended), fmt.Errorf("session: revoke: %w", err)
	}
	return len(ended), nil
}

func (m *Manager) finder() (store.Finder, error) {
	if finder, ok := m.store.(store.Finder); ok {
		return finder, nil
	}
	return nil, fmt.Errorf("session: find sessions by owner on a %T: %w", m.store, errors.ErrUnsupported)
}
