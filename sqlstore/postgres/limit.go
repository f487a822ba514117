package postgres

import (
	"context"
	"encoding/binary"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/session/store"
)

// ownerLock is the key of the lock that one transaction at a time has of an owner.
func (s *Store) ownerLock(info *tableInfo, realm, owner string) int64 {
	return s.lockKey(info, "owner", realm+"\x00"+owner)
}

// ownerPlace stands for an owner in the lockQueue, among row keys: eight bytes of zero, which no row key begins with but for
// a chance of 2⁻⁶⁴, and the key of the owner's lock.
func (s *Store) ownerPlace(info *tableInfo, realm, owner string) (place store.Handle) {
	binary.BigEndian.PutUint64(place[len(place)-8:], uint64(s.ownerLock(info, realm, owner)))
	return place
}

// ownerBusy is the error of a statement that makes room for an owner's session, and has waited for a lock as long as it may.
type ownerBusy struct {
	place store.Handle
	err   error
}

func (e *ownerBusy) Error() string { return e.err.Error() }
func (e *ownerBusy) Unwrap() error { return e.err }

const lockOwner = `select pg_advisory_xact_lock($1)`

// makeRoom ends as many of the owner's other sessions as the limit requires. The owner's lock lets one such transaction
// at a time count and write; the next one sees what the one before has committed.
func (s *Store) makeRoom(ctx context.Context, tx pgx.Tx, info *tableInfo, ref store.Ref, owner string) (
	ended []store.Handle, err error) {
	defer func() {
		if codeOf(err) == lockNotAvailable {
			err = &ownerBusy{s.ownerPlace(info, ref.Policy.Realm, owner), err}
		}
	}()
	key := s.ownerLock(info, ref.Policy.Realm, owner)
	if _, err := query(ctx, tx, s.statement(lockOwner, key), func([][]byte) error { return nil }); err != nil {
		return nil, err
	}
	policy, owned := ref.Policy, store.Selector{Realm: ref.Policy.Realm, Owner: owner, Except: ref.Key}
	policy.IdleLimit = 0 // a session that only this manager refuses counts
	others, err := readAll(ctx, tx, s.findStatement(owned, nil, policy))
	if err != nil {
		return nil, err
	}
	oldest, err := policy.Owner.MakeRoom(others)
	if err != nil || len(oldest) == 0 {
		return nil, err
	}
	keys := make([]store.Handle, len(oldest))
	for i := range oldest {
		keys[i] = oldest[i].Key
	}
	deleted, err := s.revokeIn(ctx, tx, info, owned, keys)
	return deleted.keys, err
}
