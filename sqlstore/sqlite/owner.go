package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Find implements store.Finder.
func (s *Store) Find(
	ctx context.Context, selector store.Selector, keys []string, p store.Policy,
) ([]store.Record, error) {
	var found []store.Record
	err := s.readers.do(ctx, func(c *conn) (err error) {
		found, err = c.owned(ctx, selector.Owner, p)
		return err
	})
	if err != nil {
		return nil, explain("list sessions of an owner", err)
	}
	for i := range found {
		if found[i].Data, err = only(found[i].Data, keys); err != nil {
			return nil, err
		}
		found[i].Hash = store.Hash{}
	}
	return found, nil
}

// owned returns the owner's live rows, newest first.
func (c *conn) owned(ctx context.Context, owner string, p store.Policy) ([]store.Record, error) {
	var found []store.Record
	err := c.each(ctx, selectOwner, func(row []driver.Value) error {
		r := store.Record{Key: handle(row[1])}
		if err := unpack(row[0], &r); err != nil {
			return err
		}
		if r.Open(store.Ref{Key: r.Key, Hash: r.Hash, Policy: p}, r.Now) == nil {
			found = append(found, r)
		}
		return nil
	}, owner)
	return found, err
}

// only returns an object with the entries of data that keys name.
func only(data []byte, keys []string) ([]byte, error) {
	var all, some = map[string]json.RawMessage(nil), map[string]json.RawMessage{}
	if err := checkObject(data); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	for _, key := range keys {
		if value, ok := all[key]; ok {
			some[key] = value
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(some)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// makeRoom applies the owner's limit where r joins the owner's sessions. It decides before it deletes.
func (c *conn) makeRoom(before string, r *store.Record, p store.Policy) (outcome, error) {
	out := outcome{saved: r.Saved(r.Now)}
	limit := p.Owner
	if r.Owner == before || r.Owner == "" || limit.Max <= 0 {
		return out, nil
	}
	others, err := c.owned(context.Background(), r.Owner, p)
	if err != nil {
		return outcome{}, err
	}
	excess := len(others) + 1 - limit.Max
	if excess > 0 && !limit.EndOldest {
		return outcome{}, fmt.Errorf("%w: %d of %d", store.ErrOwnerLimit, len(others), limit.Max)
	}
	for i := range max(excess, 0) {
		removed, err := c.remove(&others[len(others)-max(excess, 0)+i], store.Revoked)
		if err != nil {
			return outcome{}, err
		}
		out.saved.Ended = append(out.saved.Ended, removed.ended...)
		out.events = append(out.events, removed.events...)
	}
	return out, nil
}

// Revoke implements store.Finder.
func (s *Store) Revoke(ctx context.Context, which store.Selector) ([]store.Handle, error) {
	out, err := s.write(ctx, &write{what: "revoke", apply: func(c *conn) (outcome, error) { return c.revoke(which) }})
	return out.ended, err
}

func (c *conn) revoke(which store.Selector) (outcome, error) {
	if !which.Key.IsZero() {
		return c.revokeOne(which)
	}
	return c.revokeOwner(which)
}

func (c *conn) revokeOne(which store.Selector) (outcome, error) {
	var r store.Record
	switch err := c.find(selectMeta, which.Key, &r); {
	case err == store.ErrGone:
		return outcome{}, nil
	case err != nil:
		return outcome{}, err
	}
	if which.Owner != "" && r.Owner != which.Owner || which.Key == which.Except {
		return outcome{}, nil
	}
	return c.remove(&r, store.Revoked)
}

func (c *conn) revokeOwner(which store.Selector) (out outcome, err error) {
	if which.Owner == "" {
		return outcome{}, nil
	}
	err = c.each(context.Background(), deleteOwned, func(row []driver.Value) error {
		key := handle(row[0])
		out.ended = append(out.ended, key)
		if now().Before(time.UnixMilli(integer(row[1]))) {
			out.events = append(out.events, store.Event{Kind: store.Revoked, Key: key})
		}
		return nil
	}, which.Owner, which.Except[:])
	return out, err
}
