package sqlite

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/simples-go/sessions/session/store"
)

// Touch implements store.Store. A power cut may undo what it writes.
func (s *Store) Touch(ctx context.Context, ref store.Ref) (store.Saved, error) {
	if !forced(ref.Policy) {
		saved, due, err := s.peek(ctx, ref)
		if err != nil || !due {
			return saved, err
		}
	}
	out, err := s.write(ctx, &write{what: "touch", relaxed: true, apply: func(c *conn) (outcome, error) {
		return c.touch(ref)
	}})
	return out.saved, err
}

// forced reports whether a touch is to write in any case. It settles what has become of a save whose caller has left,
// and so waits behind that one, whatever a reader sees meanwhile.
func forced(p store.Policy) bool { return p.Step == 0 && p.RecordAccess }

// peek reads whether a touch is due.
func (s *Store) peek(ctx context.Context, ref store.Ref) (saved store.Saved, due bool, err error) {
	var r store.Record
	err = s.readers.do(ctx, func(c *conn) error {
		if err := c.find(selectMeta, ref.Key, &r); err != nil {
			return err
		}
		return r.Open(ref, r.Now)
	})
	if err != nil {
		return store.Saved{}, false, explain("touch", err)
	}
	return r.Saved(r.Now), r.TouchDue(ref.Policy, r.Now), nil
}

func (c *conn) touch(ref store.Ref) (outcome, error) {
	var r store.Record
	if err := c.find(selectMeta, ref.Key, &r); err != nil {
		return outcome{}, err
	}
	if err := r.Open(ref, r.Now); err != nil {
		return outcome{}, err
	}
	var err error
	if r.Touch(ref.Policy, r.Now) {
		err = c.change(updateAccess, r.AccessedAt.UnixMilli(), r.ExpiresAt.UnixMilli(), r.Key[:])
	}
	return outcome{saved: r.Saved(r.Now)}, err
}

// touchChunk is how many rows TouchAll writes before it lets others write.
const touchChunk = 256

// TouchAll implements store.Toucher, with transactions of bounded size. A power cut may undo what they write.
func (s *Store) TouchAll(ctx context.Context, refs []store.Ref) error {
	refs = slices.Clone(refs)
	slices.SortFunc(refs, func(a, b store.Ref) int { return bytes.Compare(a.Key[:], b.Key[:]) })
	for chunk := range slices.Chunk(refs, touchChunk) {
		err := s.writer.transact(ctx, true, func(c *conn) error { return c.touchEach(chunk) })
		if err != nil {
			return explain("touch many", err)
		}
	}
	return ctx.Err()
}

func (c *conn) touchEach(refs []store.Ref) error {
	for _, ref := range refs {
		if _, err := c.touch(ref); err != nil && !errors.Is(err, store.ErrGone) {
			return err
		}
	}
	return nil
}
