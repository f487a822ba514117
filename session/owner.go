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

// Info is what a list of an owner's sessions tells of one. There is no token in it. Read its entries with Get or Key.
type Summary struct {
	Handle    Handle
	CreatedAt time.Time // or of the last Renew
	LastSeen  time.Time // at most Config.TouchStep before the last access, more where the absolute timeout is near
	ExpiresAt time.Time
	entries   jsonobj.Object
}

// lookup implements Reader.
func (i Summary) lookup(key string) (json.RawMessage, error) {
	value, _ := i.entries.Get(key)
	return value, nil
}

// Keys returns the keys of the entries that were asked for and are there.
func (i Summary) Keys() []string {
	var keys []string
	for _, m := range i.entries.Members() {
		keys = append(keys, m.Key())
	}
	return keys
}

// Raw returns a copy of the JSON text of an entry.
func (i Summary) Raw(key string) (json.RawMessage, bool) {
	value, ok := i.entries.Get(key)
	return slices.Clone(json.RawMessage(value)), ok
}

// Sessions lists the live sessions of owner, newest first, with the given entries of each: for a page that says "Firefox,
// yesterday". errors.ErrUnsupported where the store cannot.
func (m *Manager) Sessions(ctx context.Context, owner string, entries ...string) ([]Summary, error) {
	finder, err := m.finder()
	if err != nil {
		return nil, err
	}
	records, err := finder.Find(ctx, store.Selector{Realm: m.realm, Owner: owner}, entries, m.policy)
	if err != nil {
		return nil, fmt.Errorf("session: list the sessions of an owner: %w", err)
	}
	infos := make([]Summary, len(records))
	for i, r := range records {
		obj, err := scan(r.Data)
		if err != nil {
			return nil, fmt.Errorf("session: list %s: %w", r.Key, err)
		}
		infos[i] = Summary{r.Key, r.CreatedAt, m.lastSeen(&r), r.End(m.policy), obj}
	}
	return infos, nil
}

// lastSeen tells the last access from the expiry that it gave.
func (m *Manager) lastSeen(r *store.Record) time.Time {
	if seen := r.ExpiresAt.Add(-r.Timeouts.Or(m.policy.Timeouts).Idle); seen.After(r.CreatedAt) {
		return seen
	}
	return r.CreatedAt
}

// Revoke ends a session by its handle, whoever's it is, and its sockets on every node. It reports whether there was one.
func (m *Manager) Revoke(ctx context.Context, handle Handle) (bool, error) {
	n, err := m.revoke(ctx, store.Selector{Key: handle})
	return n > 0, err
}

// RevokeOwned ends a session by its handle where it is that owner's: for a button on the user's own page.
func (m *Manager) RevokeOwned(ctx context.Context, owner string, handle Handle) (bool, error) {
	if owner == "" {
		return false, errors.New("session: revoke: no owner")
	}
	n, err := m.revoke(ctx, store.Selector{Realm: m.realm, Owner: owner, Key: handle})
	return n > 0, err
}

// RevokeOwner ends all sessions of owner, but for the one of handle except where that is not zero, and says how many.
func (m *Manager) RevokeOwner(ctx context.Context, owner string, except Handle) (int, error) {
	if owner == "" {
		return 0, errors.New("session: revoke: no owner")
	}
	return m.revoke(ctx, store.Selector{Realm: m.realm, Owner: owner, Except: except})
}

func (m *Manager) revoke(ctx context.Context, selector store.Selector) (int, error) {
	if selector.Owner == "" && selector.Key.IsZero() {
		return 0, errors.New("session: revoke: no session named")
	}
	finder, err := m.finder()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	ended, err := finder.Revoke(ctx, selector)
	m.observe(ctx, OpRevoke, selector.Key, start, err)
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
