package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/sealing"
)

// keyringPause is the least time between two calls of a KeySource.
const keyringPause = 10 * time.Second

// keyring holds a manager's sealing keys, the current one first.
type keyring struct {
	source  func(context.Context) ([]SealingKey, error)
	timeout time.Duration

	fetching sync.Mutex // held for the length of a call of source; taken before mu
	fetched  time.Time  // guarded by fetching

	mu   sync.RWMutex
	keys []sealing.Key
}

func newKeyring(c *Sealing, timeout time.Duration) (*keyring, error) {
	r := &keyring{source: c.KeySource, timeout: timeout}
	if r.source == nil {
		r.set(c.Keys)
		return r, nil
	}
	return r, r.fetch()
}

// fetch calls the source.
func (r *keyring) fetch() error {
	r.fetched = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), r.timeout)
	defer cancel()
	keys, err := r.source(ctx)
	if err == nil && len(keys) == 0 {
		err = errors.New("no keys")
	}
	if err == nil {
		err = checkSealingKeys(keys)
	}
	if err != nil {
		return fmt.Errorf("KeySource: %w", err)
	}
	r.set(keys)
	return nil
}

func (r *keyring) set(keys []SealingKey) {
	own := make([]sealing.Key, len(keys))
	for i, k := range keys {
		own[i] = sealing.Key{ID: k.ID, Secret: slices.Clone(k.Secret)}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys = own
}

func (r *keyring) current() sealing.Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.keys[0]
}

func (r *keyring) known(id string) (sealing.Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, k := range r.keys {
		if k.ID == id {
			return k, true
		}
	}
	return sealing.Key{}, false
}

var errUnknownKey = errors.New("it is not among the keys")

// find returns a key by its id, and fetches the source's keys if it does not know it.
func (r *keyring) find(id string) (sealing.Key, error) {
	key, ok := r.known(id)
	if ok || r.source == nil {
		return key, missing(ok)
	}
	r.fetching.Lock()
	defer r.fetching.Unlock()
	if key, ok = r.known(id); ok || time.Since(r.fetched) < keyringPause {
		return key, missing(ok)
	}
	if err := r.fetch(); err != nil {
		return key, fmt.Errorf("%w: %w", errUnknownKey, err)
	}
	key, ok = r.known(id)
	return key, missing(ok)
}

func missing(known bool) error {
	if known {
		return nil
	}
	return errUnknownKey
}
