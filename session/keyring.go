package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/simples-go/sessions/internal/sealing"
)

const (
	// keyringPause is the least time between two calls of a KeySource for keys that are not known.
	keyringPause = 10 * time.Second

	// keyringAge is how old keys may be that something is sealed with before the KeySource is called again: another one
	// may have become current, of which nothing else tells.
	keyringAge = 5 * time.Minute
)

// keyring holds a manager's sealing keys, the current one first.
type keyring struct {
	source  func(context.Context) ([]SealingKey, error)
	timeout time.Duration
	logger  *slog.Logger

	fetching sync.Mutex // held for the length of a call of source; taken before mu
	fetched  time.Time  // guarded by fetching

	mu   sync.RWMutex
	keys []sealing.Key
}

func newKeyring(c *Config) (*keyring, error) {
	r := &keyring{source: c.Sealing.KeySource, timeout: c.StoreTimeout, logger: c.Logger}
	r.set(c.Sealing.Keys)
	return r, r.renew()
}

// renew calls the source if there is one.
func (r *keyring) renew() error {
	if r.source == nil {
		return nil
	}
	r.fetching.Lock()
	defer r.fetching.Unlock()
	return r.fetch()
}

// renewSoon calls the source in the background if its keys are old. Nobody waits for that.
func (r *keyring) renewSoon() {
	if r.source == nil || !r.fetching.TryLock() {
		return
	}
	if time.Since(r.fetched) < keyringAge {
		r.fetching.Unlock()
		return
	}
	go func() {
		defer r.fetching.Unlock()
		defer func() {
			if recover() != nil { // of the application's function, on a goroutine that nobody else guards
				r.logger.Error("session: Sealing.KeySource has panicked, and sealing goes on with the keys of before")
			}
		}()
		if err := r.fetch(); err != nil {
			r.logger.Warn("session: sealing goes on with the keys of before", "error", err)
		}
	}()
}

// fetch calls the source. r.fetching is held.
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
