package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/session/store"
)

// joins reports whether a session that gets an owner counts against the owner's limit.
func joins(owner, old string, p store.Policy) bool {
	return owner != "" && owner != old && p.Owner.Max > 0
}

// ownerLock is the key of the lock that one transaction at a time has of an owner.
func (s *Store) ownerLock(at *site, realm, owner string) int64 {
	return s.lockKey(at, "owner", realm+"\x00"+owner)
}

// ownerPlace stands for an owner in the lockQueue, in which the names of rows begin with their time.
func (s *Store) ownerPlace(at *site, realm, owner string) (place store.Handle) {
	binary.BigEndian.PutUint64(place[len(place)-8:], uint64(s.ownerLock(at, realm, owner)))
	return place
}

const lockOwner = `select pg_advisory_xact_lock($1)`

// makeRoom ends as many of the owner's other sessions as the limit requires. The owner's lock lets one such transaction
// at a time count and write; the next one sees what the one before has committed.
func (s *Store) makeRoom(ctx context.Context, tx pgx.Tx, at *site, ref store.Ref, owner string) ([]store.Handle, error) {
	if _, err := query(ctx, tx, s.statement(lockOwner, s.ownerLock(at, ref.Policy.Realm, owner)), func([][]byte) error { return nil }); err != nil {
		return nil, err
	}
	policy, owned := ref.Policy, store.Selector{Realm: ref.Policy.Realm, Owner: owner, Except: ref.Key}
	policy.IdleLimit = 0 // a session that only this manager refuses counts
	others, err := readAll(ctx, tx, s.findStatement(owned, nil, policy))
	if err != nil {
		return nil, err
	}
	limit := policy.Owner
	excess := len(others) + 1 - limit.Max
	switch {
	case excess <= 0:
		return nil, nil
	case !limit.EndOldest:
		return nil, fmt.Errorf("%w: %d of %d", store.ErrOwnerLimit, len(others), limit.Max)
	}
	oldest := make([]store.Handle, 0, excess)
	for _, r := range others[len(others)-excess:] {
		oldest = append(oldest, r.Key)
	}
	ended, err := s.revokeIn(ctx, tx, at, owned, oldest)
	return ended.keys, err
}
