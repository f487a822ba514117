package sqlitedb

import (
	"context"
	"database/sql"
	"errors"

	"github.com/simples-go/sessions/internal/lockedsave"
	"github.com/simples-go/sessions/session/store"
)

// Create implements store.Store.
func (s *Store) Create(ctx context.Context, ref store.Ref, change store.Change) (saved store.Saved, err error) {
	err = s.write(ctx, func(c *sql.Conn) error {
		rows, err := s.find(ctx, c, s.sql.meta, ref.Key[:])
		switch {
		case err != nil:
			return err
		case len(rows) > 0:
			return store.ErrExists
		}
		r, err := store.NewRecord(ref, change, now())
		if err != nil {
			return err
		}
		if saved, err = s.makeRoom(ctx, c, &store.Record{}, &r, ref.Policy); err != nil {
			return err
		}
		return changeOne(ctx, c, s.sql.insert, values(&r)...)
	})
	return answer(saved, "create", err)
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, ref store.Ref, change store.Change) (store.Saved, error) {
	if err := s.locks.Wait(ctx, ref.Key); err != nil {
		return store.Saved{}, err
	}
	saved, err := s.save(ctx, ref, 0, change)
	return answer(saved, "save", err)
}

// SaveLocked implements store.Locker. Saves of this session wait in this process while fn runs, and all else goes on.
// If somebody has changed the row all the same, fn is called again with what it then holds.
func (s *Store) SaveLocked(
	ctx context.Context, ref store.Ref, fn func(store.Record) (store.Change, error),
) (store.Saved, error) {
	return lockedsave.Store{Locks: &s.locks, Load: s.Load, Save: s.saveVersion}.Run(ctx, ref, fn)
}

// saveVersion saves the change if the row still has the version.
func (s *Store) saveVersion(
	ctx context.Context, ref store.Ref, version int64, change store.Change,
) (store.Saved, error) {
	saved, err := s.save(ctx, ref, version, change)
	return answer(saved, "locked save", err)
}

// save applies the change to the row, which must have the version if that is not 0.
func (s *Store) save(
	ctx context.Context, ref store.Ref, version int64, change store.Change,
) (saved store.Saved, err error) {
	err = s.write(ctx, func(c *sql.Conn) error {
		old, err := s.live(ctx, c, s.sql.load, ref)
		switch {
		case err != nil:
			return err
		case version != 0 && version != old.Version:
			return lockedsave.ErrMoved
		}
		r := old
		if err := change.Apply(&r, ref.Policy, old.Now); err != nil {
			return err
		}
		if saved, err = s.makeRoom(ctx, c, &old, &r, ref.Policy); err != nil {
			return err
		}
		return changeOne(ctx, c, s.sql.update, append(values(&r), r.Key[:])...)
	})
	return saved, err
}

// makeRoom applies the owner's limit if r, which was old, joins the owner's sessions. A session counts although the
// policy's IdleLimit refuses it.
func (s *Store) makeRoom(ctx context.Context, c *sql.Conn, old, r *store.Record, p store.Policy) (store.Saved, error) {
	saved := r.Saved(r.Now)
	if !p.Owner.Applies(old.Owner, r.Owner) {
		return saved, nil
	}
	p.IdleLimit = 0
	others, err := s.living(ctx, c, store.Selector{Realm: r.Realm, Owner: r.Owner, Except: r.Key}, p)
	if err != nil {
		return store.Saved{}, err
	}
	oldest, err := p.Owner.MakeRoom(others)
	if err != nil {
		return store.Saved{}, err
	}
	for _, old := range oldest {
		if err := changeOne(ctx, c, s.sql.remove, old.Key[:]); err != nil {
			return store.Saved{}, err
		}
		saved.Ended = append(saved.Ended, old.Key)
	}
	return saved, nil
}

// Touch implements store.Store. It takes the write lock only if the touch is due.
func (s *Store) Touch(ctx context.Context, ref store.Ref) (saved store.Saved, err error) {
	r, err := s.live(ctx, s.db, s.sql.meta, ref)
	if err != nil || !r.TouchDue(ref.Policy, r.Now) {
		return answer(r.Saved(r.Now), "touch", err)
	}
	err = s.write(ctx, func(c *sql.Conn) (err error) {
		saved, err = s.touch(ctx, c, ref)
		return err
	})
	return answer(saved, "touch", err)
}

func (s *Store) touch(ctx context.Context, c *sql.Conn, ref store.Ref) (store.Saved, error) {
	r, err := s.live(ctx, c, s.sql.meta, ref)
	if err != nil {
		return store.Saved{}, err
	}
	if r.Touch(ref.Policy, r.Now) {
		err = changeOne(ctx, c, s.sql.touch, r.AccessedAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.Key[:])
	}
	return r.Saved(r.Now), err
}

// TouchAll implements store.Toucher.
func (s *Store) TouchAll(ctx context.Context, refs []store.Ref) error {
	for _, ref := range refs {
		if _, err := s.Touch(ctx, ref); err != nil && !errors.Is(err, store.ErrGone) {
			return err
		}
	}
	return ctx.Err()
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, ref store.Ref) error {
	return explain("delete", s.write(ctx, func(c *sql.Conn) error {
		rows, err := s.find(ctx, c, s.sql.meta, ref.Key[:])
		switch {
		case err != nil || len(rows) == 0:
			return err
		case rows[0].Hash == ref.Hash:
			return changeOne(ctx, c, s.sql.remove, ref.Key[:])
		case rows[0].Open(ref, rows[0].Now) == store.ErrRotated:
			return store.ErrRotated
		}
		return nil
	}))
}

func answer(saved store.Saved, what string, err error) (store.Saved, error) {
	if err != nil {
		return store.Saved{}, explain(what, err)
	}
	return saved, nil
}
