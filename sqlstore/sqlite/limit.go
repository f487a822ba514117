package sqlite

import (
	"context"

	"github.com/simples-go/sessions/session/store"
)

// makeRoom applies the owner's limit if r, which was old, joins the owner's sessions. It decides before it deletes.
func (c *conn) makeRoom(old, r *store.Record, p store.Policy) (outcome, error) {
	out := outcome{saved: r.Saved(r.Now)}
	if !p.Owner.Applies(old.Owner, r.Owner) {
		return out, nil
	}
	others, err := c.others(r, p)
	if err != nil {
		return outcome{}, err
	}
	oldest, err := p.Owner.MakeRoom(others)
	if err != nil {
		return outcome{}, err
	}
	for _, old := range oldest {
		removed, err := c.remove(&old, store.Revoked)
		if err != nil {
			return outcome{}, err
		}
		out.saved.Ended = append(out.saved.Ended, removed.ended...)
		out.events = append(out.events, removed.events...)
	}
	return out, nil
}

// others returns the other sessions of r's owner in its realm, newest first. A session counts even if the policy's
// IdleLimit refuses it.
func (c *conn) others(r *store.Record, p store.Policy) ([]store.Record, error) {
	p.IdleLimit = 0
	realm, err := c.realm(r)
	if err != nil {
		return nil, err
	}
	return c.living(context.Background(), store.Selector{Realm: realm, Owner: r.Owner, Except: r.Key}, p)
}

// realm reads the realm of a row that was loaded without.
func (c *conn) realm(r *store.Record) (string, error) {
	if r.Realm != "" {
		return r.Realm, nil
	}
	row, err := c.first(selectRealm, r.Key[:])
	if err != nil || row == nil {
		return "", err
	}
	return text(row[0]), nil
}
