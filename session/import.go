package session

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// takeover takes one session over from another system. All that do so for one session compute the same row key and the same
// secret, and each can go on from where any other has stopped. The row comes about in three steps:
//
//  1. A claim: an empty row under a secret of its own, which no cookie carries. Creating it is what makes one row of many
//     requests.
//  2. The other system's session is read again. If it is still there, nobody can have ended it here, since the row is
//     older than that reading; its entries go into the row, and the claim's secret makes way for the session's.
//  3. The session is ended in the other system, unless it is copied. Only then is the row opened for anybody.
//
// docs/decisions/a-move-is-a-claim-first.md says what each step is for.
type takeover struct {
	m       *Manager
	from    *Import
	foreign string // the other system's token
	token   *token // of the session
	claimed *token // of the claim
	owner   string // in the other system, once that is known
}

// importGrace is how long after a move the other system's token still finds the session, for requests that were on their
// way.
const importGrace = time.Minute

// takeover returns that of the request's session in another system, nil if it carries none.
func (m *Manager) takeover(r *http.Request) *takeover {
	from := &m.config.Import
	if from.From == nil {
		return nil
	}
	foreign := from.From.Find(r)
	if foreign == "" {
		return nil
	}
	return &takeover{m: m, from: from, foreign: foreign}
}

// derive computes both tokens. The row key is a UUID of version 8, which is for such uses (RFC 9562, 5.8).
func (t *takeover) derive() error {
	info := "sessions import\x00" + t.m.realm
	key, err := hkdf.Key(sha256.New, []byte(t.foreign), nil, info, tokenBytes+secretBytes)
	if err != nil {
		return fmt.Errorf("session: import: %w", err)
	}
	t.token, t.claimed = new(token), new(token)
	copy(t.token[:], key)
	t.token[6], t.token[8] = t.token[6]&0x0f|0x80, t.token[8]&0x3f|0x80
	copy(t.claimed[:handleBytes], t.token[:handleBytes])
	copy(t.claimed[handleBytes:], key[tokenBytes:])
	return nil
}

// derived reports whether derive has computed the token, or one that came after it by rotation.
func (t *token) derived() bool { return t[6]>>4 == 8 }

// run takes the session over, and returns the token that opens it; nil if there is nothing to open. An error is one of
// either database.
func (t *takeover) run(ctx context.Context) (opens *token, err error) {
	if err := t.derive(); err != nil {
		return nil, err
	}
	start := time.Now()
	ok, err := t.take(ctx)
	t.m.observe(ctx, OpImport, t.token.handle(), t.owner, start, err)
	switch {
	case errors.Is(err, ErrImportRefused):
		t.m.config.Logger.WarnContext(ctx, "session: not imported", "session", t.token.handle(), "error", err)
		return nil, nil
	case err != nil, !ok:
		return nil, err
	}
	return t.token, nil
}

func (t *takeover) take(ctx context.Context) (bool, error) {
	first, err := t.read(ctx)
	if errors.Is(err, ErrGone) {
		return t.movedLately(ctx)
	}
	if err != nil {
		return false, err
	}
	ctx = t.m.detach(ctx)
	born, err := t.claim(ctx, first)
	if errors.Is(err, ErrGone) {
		return t.finish(ctx) // another request has come further
	}
	if err != nil {
		return false, err
	}
	return t.fill(ctx, born)
}

// claim creates the row, or finds it. It returns when the row was created, by the store's clock. ErrGone is returned
// if it is no claim any more. A row that has expired makes way: it is a copy of what lives on there, or a claim that
// was left.
func (t *takeover) claim(ctx context.Context, first *readout) (born time.Time, err error) {
	for range 2 {
		saved, err := t.m.store.Create(ctx, t.ref(t.claimed), store.Change{Idle: first.idle, Absolute: first.absolute})
		t.m.collectSoon()
		if !errors.Is(err, store.ErrExists) {
			return saved.CreatedAt, failed("claim", err)
		}
		rec, err := t.m.store.Load(ctx, t.lasting(t.claimed))
		if !errors.Is(err, ErrExpired) {
			return rec.CreatedAt, failed("claim", err)
		}
		if err := t.clear(ctx); err != nil {
			return time.Time{}, failed("clear", err)
		}
	}
	return time.Time{}, ErrExpired // it has another token, and goes with the collector
}

// lasting is ref, for a row that has expired for every manager and not for one with shorter timeouts alone.
func (t *takeover) lasting(of *token) store.Ref {
	ref := t.ref(of)
	ref.Policy.Timeouts, ref.Policy.IdleLimit = store.Timeouts{}, 0
	return ref
}

// fill puts the entries into the row, and the session's secret in the place of the claim's.
func (t *takeover) fill(ctx context.Context, born time.Time) (bool, error) {
	in, err := t.read(ctx)
	if errors.Is(err, ErrGone) || errors.Is(err, ErrImportRefused) {
		return t.abandon(ctx, err)
	}
	if err != nil {
		return false, err
	}
	hash := t.token.hash(t.m.realm)
	change := store.Change{Clear: true, Set: in.entries, Owner: in.owner, Persistence: in.persistence, Rotate: &hash}
	saved, err := t.m.store.Save(ctx, t.ref(t.claimed), change)
	switch {
	case errors.Is(err, ErrTooLarge):
		return t.abandon(ctx, fmt.Errorf("%w: %w", ErrImportRefused, err))
	case err != nil && !errors.Is(err, ErrGone): // else another request has filled it
		return false, failed("save", err)
	case err == nil && !saved.CreatedAt.Equal(born):
		// Somebody has ended the session here since, and a late request has made another claim.
		return false, failed("void", t.m.store.Delete(ctx, t.ref(t.token)))
	}
	return t.finish(ctx)
}

// abandon removes a claim, unless another request has made a session of it.
func (t *takeover) abandon(ctx context.Context, why error) (bool, error) {
	if err := t.m.store.Delete(ctx, t.ref(t.claimed)); err != nil && !errors.Is(err, ErrGone) {
		return false, failed("abandon", err)
	}
	if errors.Is(why, ErrGone) {
		return t.movedLately(ctx)
	}
	return false, why
}

// clear deletes the row if it has expired still: a parallel request may have made it anew meanwhile, and use it.
func (t *takeover) clear(ctx context.Context) error {
	for _, of := range []*token{t.claimed, t.token} {
		_, err := t.m.store.Load(ctx, t.lasting(of))
		if errors.Is(err, ErrExpired) {
			err = t.m.store.Delete(ctx, t.ref(of))
		}
		if err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// void deletes the row, be it a claim or the session, unless that has got another token since.
func (t *takeover) void(ctx context.Context) error {
	for _, of := range []*token{t.claimed, t.token} {
		if err := t.m.store.Delete(ctx, t.ref(of)); err != nil && !errors.Is(err, ErrGone) {
			return err
		}
	}
	return nil
}

// finish ends the session in the other system if the row can be opened, and reports whether it can.
func (t *takeover) finish(ctx context.Context) (bool, error) {
	_, err := t.m.store.Load(ctx, t.ref(t.token))
	if errors.Is(err, ErrGone) {
		return errors.Is(err, ErrRotated), nil
	}
	if err == nil && !t.from.Copy {
		err = t.from.From.End(ctx, t.foreign)
	}
	return err == nil, failed("end there", err)
}

// movedLately reports whether another request has moved the session a moment ago.
func (t *takeover) movedLately(ctx context.Context) (bool, error) {
	if t.from.Copy {
		return false, nil // it has ended there
	}
	rec, err := t.m.store.Load(ctx, t.ref(t.token))
	if errors.Is(err, ErrGone) {
		return errors.Is(err, ErrRotated), nil
	}
	return err == nil && rec.Now.Sub(rec.RotatedAt) < importGrace, failed("load", err)
}

// ref names the row under one of its tokens. No limit of sessions holds: this one was there before.
func (t *takeover) ref(of *token) store.Ref {
	policy := t.m.policy()
	policy.Owner = OwnerLimit{}
	return store.Ref{Key: of.handle(), Hash: of.hash(t.m.realm), Policy: policy}
}

func failed(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("session: import: %s: %w", what, err)
}

// readout is what was read of the session in the other system, as it will be stored.
type readout struct {
	entries        map[string]json.RawMessage
	owner          *string
	persistence    *store.Persistence
	idle, absolute *time.Duration
}

// read reads the session in the other system. ErrGone is returned if it does not live, ErrImportRefused if it is not
// to be taken over, or cannot be stored.
func (t *takeover) read(ctx context.Context) (*readout, error) {
	in, err := t.from.From.Load(ctx, t.foreign)
	if err == nil && t.from.Prepare != nil {
		err = t.from.Prepare(ctx, in)
	}
	switch {
	case errors.Is(err, ErrCorrupt):
		return nil, fmt.Errorf("%w: %w", ErrImportRefused, err)
	case err != nil:
		return nil, failed("read there", err)
	}
	out, alive := t.m.lifetime(in, time.Now())
	if !alive {
		return nil, ErrExpired
	}
	if in.Owner != "" {
		if err := checkName("owner", in.Owner); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrImportRefused, err)
		}
		out.owner, t.owner = &in.Owner, in.Owner
	}
	switch {
	case in.NonPersistent:
		out.persistence = new(store.NonPersistent)
	case in.Persistent:
		out.persistence = new(store.Persistent)
	}
	return out, t.encode(ctx, in, out)
}

// lifetime bounds both timeouts by those of the other system.
func (m *Manager) lifetime(in *Imported, now time.Time) (out *readout, alive bool) {
	out = &readout{}
	p := m.policy()
	absolute := p.Absolute
	if !in.Created.IsZero() {
		absolute -= now.Sub(in.Created)
	}
	if !in.Deadline.IsZero() {
		absolute = min(absolute, in.Deadline.Sub(now))
	}
	if absolute = absolute.Truncate(time.Millisecond); absolute < p.Absolute {
		out.absolute = &absolute
	}
	if idle := in.Idle.Truncate(time.Millisecond); in.Idle > 0 && idle < p.Idle {
		out.idle = new(max(idle, time.Millisecond))
	}
	return out, absolute > 0
}

// encode makes the entries what the store holds. What cannot be stored is named in the log and left out, or refuses all.
func (t *takeover) encode(ctx context.Context, in *Imported, out *readout) error {
	out.entries = make(map[string]json.RawMessage, len(in.Entries))
	problems := in.Skipped
	s := &Session{m: t.m}
	for key, value := range in.Entries {
		raw, err := s.encodeForeign(key, value)
		if err == nil {
			raw, err = t.m.storedText(t.token.handle(), key, entry{text: raw})
		}
		if err != nil {
			problems = append(problems, err)
			continue
		}
		out.entries[key] = raw
	}
	if len(problems) == 0 {
		return nil
	}
	err := errors.Join(problems...)
	if t.from.Strict {
		return fmt.Errorf("%w: %w", ErrImportRefused, err)
	}
	t.m.config.Logger.WarnContext(ctx, "session: imported without some entries", "session", t.token.handle(), "error", err)
	return nil
}

// encodeForeign is encode for a value of a type that was never meant to become JSON.
func (s *Session) encodeForeign(key string, value any) (raw json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: key %s: its MarshalJSON panicked", ErrValue, quoteKey(key))
		}
	}()
	return s.encode(key, value)
}

// endElsewhere ends the session that the request's other cookie stands for, also if the session here is another:
// before the rows, so that no request finds the one without the other, and with what a parallel request has made of it
// here.
func (s *Session) endElsewhere(ctx context.Context, refs []store.Ref) error {
	t := s.elsewhere
	if t == nil {
		return nil
	}
	if err := t.derive(); err != nil {
		return err
	}
	own := len(refs) > 0 && refs[0].Key == t.token.handle()
	if own && !t.from.Copy {
		return nil // it had ended there before it was opened here
	}
	if err := t.from.From.End(ctx, t.foreign); err != nil || own {
		return failed("end there", err)
	}
	return failed("end", t.void(ctx))
}

// takeOver takes the request's session over from another system, if the request's own token opens none, and returns
// its token here, nil if it has not. Copied once, it may have been bound to a device here since: who has the other
// system's token has proved nothing.
func (x *Exchange) takeOver(r *http.Request) (opens *token, err error) {
	t := x.m.takeover(r)
	if t == nil {
		return nil, nil
	}
	x.session.elsewhere = t
	if !x.session.IsNew() || x.session.Err() != nil {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), x.m.config.StoreTimeout)
	defer cancel()
	opens, err = t.run(ctx)
	if err != nil || opens == nil {
		return nil, err
	}
	arrived := x.arrived
	err = x.open(ctx, opens)
	x.arrived = arrived
	if err != nil || x.session.IsNew() {
		return nil, err
	}
	return opens, nil
}

// resend has the client sent the session's token, unless the session has ended for the request.
func (s *Session) resend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.sendToken(true)
		s.offerToOwner()
	}
}
