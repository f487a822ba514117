package session

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/simples-go/sessions/internal/jsonobj"
	"github.com/simples-go/sessions/session/store"
)

// state is what a connection knows of its session's row, what it has changed, and how far it has come. All transitions
// are in this file, and no other file writes these fields, but for pending.newer, to which each change adds its part;
// docs/concepts/states.md draws them. Session.mu guards it.
type state struct {
	row     row
	pending pending
	phase   phase
	ended   error     // how the session has ended for this connection; nil while it lives
	refused bool      // it has been withheld: this request is no access
	proven  bool      // the request has proved that it comes from the session's device
	offer   bool      // the browser is to be offered to bind the session to its device
	cookie  cookieDue // what the client has to be sent
}

// phase is how far the connection has come. It only moves forward.
type phase uint8

const (
	open   phase = iota // all changes are taken
	sealed              // the response has begun: changes that need a cookie are refused
	closed              // the handler has returned: all changes are refused
)

// presence is what is known of the row's existence.
type presence uint8

const (
	absent    presence = iota // there is none yet
	uncertain                 // a create has failed without saying whether it took effect
	stored                    // it has been read or written
)

// row is what is known of the session's row.
type row struct {
	presence presence
	token    *token         // opens the row; chosen before there is one
	possible []*token       // the row's token is one of these instead, if writes that failed took effect; the latest last
	record   store.Record   // as last heard of, without Data; Version is the one that this connection has seen whole
	readAt   time.Time      // when record.Now was read, by the process's clock
	guessed  bool           // record.Now is the process's clock: the store's is to be asked for
	data     jsonobj.Object // as last seen
	behind   bool           // others have changed the row since
}

// pending is what the store does not have yet.
type pending struct {
	newer    patch // since the last snapshot
	inflight patch // taken by a save under way, beneath newer
	owed     bool  // inflight holds more than what a function of Modify has made
	version  int64 // that the row must have for a save; 0: any
	setErr   error // of a change that failed, for the next Save to return
	lastErr  error // of the last Save or Modify, which the handler knows
}

// cookieDue is what the client has to be sent with the response.
type cookieDue uint8

const (
	cookieNone   cookieDue = iota
	cookieToken            // the row's token, or its new lifetime
	cookieExpiry           // the end of the cookie
)

// Opening

// arrive begins with a token that a request carries and that has not been looked up.
func (s *state) arrive(t *token) { s.row.token, s.row.presence = t, stored }

// load applies what a store's Load has returned.
func (s *state) load(rec store.Record, obj jsonobj.Object) {
	s.row.data, s.row.presence, s.row.behind = obj, stored, false
	s.row.record, s.row.readAt, s.row.guessed = rec, time.Now(), false
	s.row.record.Data = nil
}

// miss forgets a token that opens nothing: the session is new.
func (s *state) miss() { s.row, s.ended = row{}, nil }

// choose returns the token of the row, chosen now if there is none yet.
func (s *state) choose() *token {
	if s.row.token == nil {
		s.row.token = newToken(time.Now())
	}
	return s.row.token
}

// Changing

// writable returns an error if the session accepts no change.
func (s *state) writable() error {
	switch {
	case s.phase == closed:
		return ErrClosed
	case s.ended != nil:
		return s.ended
	case s.row.presence != stored && s.phase == sealed:
		return ErrNoCookie
	}
	return nil
}

// refuse keeps the error of a change for the next Save, and returns it.
func (s *state) refuse(err error) error {
	if s.pending.setErr == nil && s.phase != closed {
		s.pending.setErr = err
	}
	return err
}

// refuseNext has the next Save return the error of a change that has failed since it was made; nil is none.
func (s *state) refuseNext(err error) {
	if err != nil {
		_ = s.refuse(err)
	}
}

// takeSetErr returns the error of a change that failed, which no Save returns any more then.
func (s *state) takeSetErr() error {
	err := s.pending.setErr
	s.pending.setErr = nil
	return err
}

// rotate gives the session a new token. A row that may exist keeps its key, so that there is never a second one.
func (s *state) rotate() {
	switch s.row.presence {
	case absent:
		s.row.token = s.choose().rotated() // entries may be sealed for the row that is to come
		s.pending.newer.create = true
	default:
		if s.pending.newer.rotate == nil { // else it has been sent to nobody, and a failed save may have given it to the row
			s.pending.newer.rotate = s.row.token.rotated()
		}
	}
}

// restart makes the session a new, empty one, after its end.
func (s *state) restart() {
	clock, guessed := s.reading(), s.row.guessed
	s.row, s.ended, s.pending = row{}, nil, pending{lastErr: s.pending.lastErr}
	s.refused, s.proven = false, false
	s.row.record.Now, s.row.readAt, s.row.guessed = clock.clock, clock.readAt, guessed
	s.pending.newer.create = true
}

// startOver drops what is pending, and all entries with the next save.
func (s *state) startOver() { s.pending.newer = patch{clear: true} }

// fork makes the session one of its own out of what it has loaded and changed, because a parallel request has rotated the
// row or it has expired meanwhile: for a login, which may begin a session in any case.
func (s *state) fork() {
	changes := s.pending.newer
	base := patch{clear: true, edits: map[string]json.RawMessage{}, create: true}
	for _, m := range living(s.row.data, s.storeNow()).Members() {
		base.edits[m.Key()] = m.Value
	}
	known := s.row.record
	base.owner, base.tag = nonZero(known.Owner), nonZero(known.Tag)
	base.idle, base.absolute = nonZero(known.Timeouts.Idle), nonZero(known.Timeouts.Absolute)
	base.persistence = nonZero(known.Persistence)
	setErr, lastErr := s.pending.setErr, s.pending.lastErr
	s.restart()
	changes.rotate = nil
	s.pending = pending{newer: changes.over(base), setErr: setErr, lastErr: lastErr}
}

// mayFork reports whether err, of the store, ends the row for this connection but not what it is about to do: a parallel
// request has rotated the row of a pending login or renewal, or that of a pending login has expired meanwhile.
func (s *state) mayFork(err error) bool {
	renews := s.pending.newer.renew || s.pending.inflight.renew
	logsIn := s.pending.newer.login || s.pending.inflight.login
	return s.row.presence == stored && (errors.Is(err, ErrRotated) && renews || errors.Is(err, ErrExpired) && logsIn)
}

func nonZero[T comparable](v T) *T {
	if v == *new(T) {
		return nil
	}
	return &v
}

// Saving

// changed reports whether something is pending.
func (s *state) changed() bool { return !s.pending.newer.empty() || !s.pending.inflight.empty() }

// snapshot moves what is pending to inflight, for a save. It reports whether there is anything to save; with last, nothing
// that needs a cookie can be changed from then on.
func (s *state) snapshot(last bool) (bool, error) {
	if last {
		s.seal()
	}
	if err := s.takeSetErr(); err != nil {
		return false, err
	}
	switch {
	case s.phase == closed:
		return false, ErrClosed
	case s.ended != nil:
		return false, s.ended
	case s.pending.newer.empty():
		return false, nil
	case !last && s.phase != open && (s.row.presence != stored || s.pending.newer.needsCookie()):
		return false, ErrNoCookie
	}
	s.sendOff()
	return true, nil
}

// sendOff moves what is pending to inflight.
func (s *state) sendOff() {
	s.choose()
	s.pending.inflight, s.pending.newer, s.pending.owed = s.pending.newer, patch{}, true
}

// saved applies what a successful write has made of inflight. It reports whether the row has a new secret.
func (s *state) saved(saved store.Saved) (rotated bool) {
	p, version := s.pending.inflight, s.row.record.Version
	s.pending.inflight, s.pending.owed, s.pending.version = patch{}, false, 0
	s.row.data = p.apply(s.row.data)
	s.written(saved)
	p.applyTo(&s.row.record)
	if !saved.Folded && saved.Version == version+1 {
		s.row.record.Version = saved.Version
	} else {
		s.row.behind = true
	}
	if p.authenticate {
		s.row.record.AuthenticatedAt = saved.Now
	}
	if s.row.presence != stored || p.needsCookie() {
		s.cookie = cookieToken
	}
	if p.owner != nil || p.rotate != nil { // a rotation voids the challenge of an offer that has not been answered yet
		s.offerToOwner()
	}
	if p.rotate != nil {
		s.row.token, rotated = p.rotate, s.row.presence == stored
	}
	s.row.presence, s.row.possible = stored, nil
	return rotated
}

// saveFailed puts what was in flight back beneath what is newer.
func (s *state) saveFailed(err error) {
	if !nothingWritten(err) {
		if s.row.presence == absent {
			s.row.presence = uncertain
		}
		if t := s.pending.inflight.rotate; t != nil && !slices.Contains(s.row.possible, t) {
			s.row.possible = append(s.row.possible, t)
		}
	}
	s.pending.newer = s.pending.newer.over(s.pending.inflight)
	s.pending.inflight, s.pending.owed = patch{}, false
	s.end(err)
}

// resume prepares what is pending for another save, after one whose outcome is unknown and which was made when the row had
// the version base. If it has taken effect, nothing is pending any more. Otherwise the next save is for the row as it has
// just been read. If others have saved more than once since, they may have overwritten it: errOvertaken.
func (s *state) resume(base int64) error {
	s.pending.version = s.row.record.Version
	switch {
	case s.pending.version == base:
	case s.pending.newer.isIn(s.row.data, s.row.record):
		s.pending.newer, s.pending.version = patch{}, 0
	case s.pending.version > base+1:
		return errOvertaken
	}
	return nil
}

// moved notes that a rotation whose outcome was unknown has taken effect.
func (s *state) moved(to *token) {
	s.row.token, s.row.possible, s.row.presence = to, nil, stored
	s.cookie = cookieToken
	for _, p := range []*patch{&s.pending.newer, &s.pending.inflight} {
		if p.rotate == to {
			p.rotate = nil
		}
	}
}

// settleToken notes that a write has succeeded under the token that is known.
func (s *state) settleToken() { s.row.possible = nil }

// putInflight replaces what is in flight, for a function of Modify and back.
func (s *state) putInflight(p patch) { s.pending.inflight = p }

// saveEnded notes how the handler's own last save has ended.
func (s *state) saveEnded(err error) { s.pending.lastErr = err }

// sendToken decides whether the client is sent the row's token.
func (s *state) sendToken(due bool) {
	s.cookie = cookieNone
	if due {
		s.cookie = cookieToken
	}
}

// written applies the times that a write has returned.
func (s *state) written(saved store.Saved) {
	r := &s.row.record
	r.CreatedAt, r.AccessedAt, r.ExpiresAt, r.Now = saved.CreatedAt, saved.AccessedAt, saved.ExpiresAt, saved.Now
	s.row.readAt, s.row.guessed = time.Now(), false
}

// touched applies the outcome of a touch in the background, unless something newer is known.
func (s *state) touched(saved store.Saved) {
	if !saved.Now.Before(s.row.record.Now) {
		s.written(saved)
	}
}

// refreshed applies what a poll has read of the row, unless something newer is known.
func (s *state) refreshed(r *store.Record) {
	if r.Now.Before(s.row.record.Now) {
		return
	}
	known := &s.row.record
	known.CreatedAt, known.AccessedAt, known.ExpiresAt, known.Now = r.CreatedAt, r.AccessedAt, r.ExpiresAt, r.Now
	known.Timeouts = r.Timeouts
	s.row.readAt, s.row.guessed = time.Now(), false
}

// owes reports whether a response has to wait for a save: of the handler's changes, or of a new row or token that the
// response has to announce to the client.
func (s *state) owes() bool {
	p := &s.pending
	return !p.newer.empty() || p.setErr != nil || p.owed ||
		!p.inflight.empty() && (s.row.presence != stored || p.inflight.needsCookie())
}

// discard drops what is pending.
func (s *state) discard() {
	s.pending.newer, s.pending.version, s.pending.setErr = patch{}, 0, nil
}

// Ending

// causes are the ways in which a session ends, the more exact ones first.
var causes = []error{ErrRotated, ErrExpired, ErrDestroyed, ErrRevoked, ErrGone}

// end ends the session for this connection if err says that it has ended, and reports whether it was this that ended it.
// The entries stay readable.
func (s *state) end(err error) (first bool) {
	if s.ended != nil {
		return false
	}
	for _, cause := range causes {
		if errors.Is(err, cause) {
			s.ended = cause
			return true
		}
	}
	return false
}

// endByRow is end for what a statement that saves nothing has found. A login or renewal that is pending goes on: its save
// begins a session of its own.
func (s *state) endByRow(err error) {
	if !s.mayFork(err) {
		s.end(err)
	}
}

// fail makes every use of a session that could not be loaded return why.
func (s *state) fail(err error) {
	if !s.end(err) && s.ended == nil {
		s.ended = err
	}
}

// withhold ends the session for a stricter manager, or for a request that lacks the device's proof, and shows nothing of it;
// release lets it live on for others.
func (s *state) withhold(cause error) { s.ended, s.refused = cause, true }

// withheld reports whether nothing of the session may be shown.
func (s *state) withheld() bool { return s.ended == errWithheld || s.ended == errUnproven }

// release ends what withhold has begun.
func (s *state) release() {
	if s.ended == errWithheld {
		s.ended = nil
	}
}

// errWithheld is ErrExpired for a stricter manager alone.
var errWithheld error = &endedHere{ErrExpired}

// errUnproven is ErrUnproven for this request.
var errUnproven error = &endedHere{ErrUnproven}

// prove notes that the request comes from the session's device.
func (s *state) prove() { s.proven = true }

// bindTo has the next save put a device's key into the row, if the row still is as this connection has read it.
func (s *state) bindTo(device []byte) {
	s.pending.newer.device, s.pending.version = &device, s.row.record.Version
}

// offerBinding has the browser offered to bind the session to its device.
func (s *state) offerBinding() { s.offer = true }

// offerToOwner does so if the session has an owner.
func (s *state) offerToOwner() { s.offer = s.offer || s.row.record.Owner != "" }

// refuseAccess notes that the request has been refused, and is no access.
func (s *state) refuseAccess() { s.refused = true }

// expireCookie ends a request whose session has expired meanwhile: nothing is saved, and the cookie ends.
func (s *state) expireCookie() {
	s.discard()
	s.seal()
	s.cookie = cookieExpiry
}

// destroyed ends the session by this connection's own doing: its entries are forgotten.
func (s *state) destroyed() {
	s.row.data, s.pending = jsonobj.Object{}, pending{lastErr: s.pending.lastErr}
	s.ended, s.cookie = errDestroyedHere, cookieExpiry
}

// errDestroyedHere is ErrDestroyed by this connection's own Destroy, after which it may begin a new session.
var errDestroyedHere error = &endedHere{ErrDestroyed}

// endedHere is a cause that this connection alone knows.
type endedHere struct{ cause error }

func (e *endedHere) Error() string        { return e.cause.Error() }
func (e *endedHere) Is(target error) bool { return errors.Is(e.cause, target) }

// seal notes that the response has begun.
func (s *state) seal() { s.phase = max(s.phase, sealed) }

// close notes that the handler has returned.
func (s *state) close() { s.phase = closed }

// Reading

// find returns an entry, the zero one if there is none or it has ended.
func (s *state) find(key string) entry {
	if s.withheld() {
		return entry{}
	}
	text, decided := s.pending.newer.lookup(key)
	if !decided {
		text = s.beneath(key)
	}
	return s.reading().live(text)
}

// beneath returns the text of an entry beneath what is newer than the last snapshot.
func (s *state) beneath(key string) json.RawMessage {
	if value, decided := s.pending.inflight.lookup(key); decided {
		return value
	}
	value, _ := s.row.data.Get(key)
	return value
}

// view is the session's entries with all that is pending, and without what has ended.
func (s *state) view() jsonobj.Object {
	if s.withheld() {
		return jsonobj.Object{}
	}
	return visible(s.pending.newer.apply(s.pending.inflight.apply(s.row.data)), s.storeNow())
}

// basis is what is known of the row's data and what of it has ended, nil if others have changed it since.
func (s *state) basis() (base *store.Base, ended []string) {
	if s.row.presence != stored || s.row.behind {
		return nil, nil
	}
	return store.NewBase(s.row.record.Version, s.row.data), endedKeys(s.row.data, s.storeNow())
}

// newest returns the newest token: one that is to come with a rotation, or the row's.
func (s *state) newest() *token {
	if t := or(s.pending.newer.rotate, s.pending.inflight.rotate); t != nil {
		return t
	}
	return s.choose()
}

// rotating reports whether a save under way gives the row another token.
func (s *state) rotating() bool { return s.pending.inflight.rotate != nil }

// holds reports whether the hash is that of a token which the row has or may have.
func (s *state) holds(hash store.Hash, realm string) bool {
	for _, t := range append([]*token{s.row.token, s.pending.inflight.rotate}, s.row.possible...) {
		if t != nil && t.hash(realm) == hash {
			return true
		}
	}
	return false
}

// reading is the last one of the store's clock.
func (s *state) reading() reading { return reading{s.row.record.Now, s.row.readAt} }

// storeNow estimates the store's clock.
func (s *state) storeNow() time.Time { return s.reading().now() }

// guessClock takes the process's clock for the store's until that is known, if nothing has been heard of the store yet.
func (s *state) guessClock() {
	if s.row.record.Now.IsZero() {
		now := time.Now()
		s.row.record.Now, s.row.readAt, s.row.guessed = now.UTC().Truncate(time.Millisecond), now, true
	}
}

// heard notes the store's clock, in the place of one that was guessed, and returns by how much that was behind.
func (s *state) heard(clock time.Time) (behind time.Duration) {
	behind = clock.Sub(s.storeNow())
	s.row.record.Now, s.row.readAt, s.row.guessed = clock, time.Now(), false
	return behind
}

// touchDue reports whether an access now is worth a write.
func (s *state) touchDue(p store.Policy) bool {
	return s.row.presence == stored && s.ended == nil && !s.refused && s.row.record.TouchDue(p, s.storeNow())
}

// overdue reports whether the session has expired by what is known of it.
func (s *state) overdue(p store.Policy) bool {
	return s.row.presence == stored && !s.storeNow().Before(s.row.record.End(p))
}

// timeouts returns those that hold with all that is pending.
func (s *state) timeouts(p store.Policy) store.Timeouts {
	t := s.row.record.Timeouts
	t.Idle = valueOr(or(s.pending.newer.idle, s.pending.inflight.idle), t.Idle)
	t.Absolute = valueOr(or(s.pending.newer.absolute, s.pending.inflight.absolute), t.Absolute)
	t = t.Or(p.Timeouts)
	if p.IdleLimit > 0 {
		t.Idle = min(t.Idle, p.IdleLimit)
	}
	return t
}

// owner returns the owner with all that is pending.
func (s *state) owner() string {
	if s.withheld() {
		return ""
	}
	return valueOr(or(s.pending.newer.owner, s.pending.inflight.owner), s.row.record.Owner)
}

// nothingWritten reports whether err says that nothing was written. Every other error may come after a commit.
func nothingWritten(err error) bool {
	isErr := func(e error) bool { return errors.Is(err, e) }
	return errors.As(err, new(*callbackError)) || errors.As(err, new(*unsent)) || slices.ContainsFunc(refusals, isErr)
}

// refusals are the errors of a store, or of this package before it calls one, that say so.
var refusals = []error{
	ErrGone, store.ErrConflict, ErrTooLarge, ErrCorrupt, ErrOwnerLimit, ErrValue, ErrSealed, store.ErrExists, ErrNoCookie,
	errClientGone,
}

// unsent is an error from before a write was sent to the store.
type unsent struct{ err error }

func (e *unsent) Error() string { return e.err.Error() }
func (e *unsent) Unwrap() error { return e.err }
