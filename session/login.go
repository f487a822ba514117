package session

import (
	"errors"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Rotate gives the session a new token; its data stays, and the old token is dead once the change is saved, in the same
// statement. Call it whenever somebody's rights change (OWASP ASVS 7.2.4). After this connection's own Destroy, and
// after ErrUnproven, it starts an empty session: that is how a login begins which keeps something before it calls
// Login, of a browser that has lost its device's key. It returns ErrNoCookie after the response has begun, and in a
// WebSocket handler after the handshake: no cookie could be sent. If the request's client has gone before the commit,
// nothing is saved.
func (s *Session) Rotate() error {
	return s.begin(mayRotate, s.rotate)
}

// Generate is Rotate.
func (s *Session) Generate() error { return s.Rotate() }

// Renew is Rotate for a fresh authentication: the absolute lifetime starts again, too. The timeouts that a session of
// another system came with, see [Import], hold until the first one. If a parallel request rotates the session
// meanwhile, the save begins a session of its own, with the entries that this connection has loaded. It starts an empty
// session where Rotate does, and after a rotation that this connection knows of already.
func (s *Session) Renew() error {
	return s.begin(mayRenew, s.renew)
}

// mayRotate, mayRenew and mayLogIn report whether a new session begins after an end: not if somebody has revoked it.
func mayRotate(ended error) bool { return ended == errDestroyedHere || ended == errUnproven }
func mayRenew(ended error) bool  { return mayRotate(ended) || errors.Is(ended, ErrRotated) }
func mayLogIn(ended error) bool  { return mayRenew(ended) || errors.Is(ended, ErrExpired) }

// begin runs fn in a session that lives, or in a new one if the old one's end allows it.
func (s *Session) begin(allowed func(ended error) bool, fn func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.phase == closed:
		return s.refuse(ErrClosed)
	case s.phase == sealed:
		return s.refuse(ErrNoCookie)
	case s.ended != nil && !allowed(s.ended):
		return s.refuse(s.ended)
	case s.ended != nil:
		s.restart()
	}
	fn()
	return nil
}

// renew rotates and renews. s.mu is held.
func (s *Session) renew() {
	if s.hasTimeoutsOfImport() {
		p := &s.pending.newer
		p.idle, p.absolute = or(p.idle, new(time.Duration)), or(p.absolute, new(time.Duration))
	}
	s.rotate()
	s.pending.newer.renew, s.pending.newer.authenticate = true, true
}

// hasTimeoutsOfImport reports whether the row's own timeouts may be those of another system: its key is derived from a
// token of one, and nobody has authenticated since. s.mu is held.
func (s *Session) hasTimeoutsOfImport() bool {
	r := &s.row
	return r.presence == stored && r.token.derived() && r.record.AuthenticatedAt.IsZero() &&
		!s.pending.newer.authenticate && !s.pending.inflight.authenticate
}

// LoginOption changes what Login does.
type LoginOption func(*login)

type login struct{ keep bool }

// KeepEntries has Login keep the entries of a session that was another owner's.
func KeepEntries() LoginOption { return func(l *login) { l.keep = true } }

// Login begins a user's session after a successful authentication, in one statement at the next save: it sets the owner,
// rotates the token and renews the absolute lifetime as Renew does, notes the time for AuthenticatedAt, and takes back
// timeouts and flags of the session's own, which may be set again after it. An anonymous visitor's entries are kept;
// those of another owner are not, unless KeepEntries says so.
//
// Two parallel logins of one visitor end with a session each, so that the user is logged in whichever response the
// browser keeps. It returns the errors of SetOwner and Renew, and ErrRevoked or ErrGone if the session was ended by
// somebody else.
func (s *Session) Login(owner string, options ...LoginOption) error {
	var l login
	for _, option := range options {
		option(&l)
	}
	if err := checkName("owner", owner); err != nil {
		return s.change(func() error { return err })
	}
	return s.begin(mayLogIn, func() { s.login(owner, l) })
}

// login does what Login says. s.mu is held.
func (s *Session) login(owner string, l login) {
	if before := s.owner(); before != "" && before != owner && !l.keep {
		s.startOver()
	}
	s.renew()
	p := &s.pending.newer
	p.owner, p.login = &owner, true
	if s.row.presence != absent {
		p.takeBack()
	}
}

// takeBack resets what a session has of its own.
func (p *patch) takeBack() {
	p.idle, p.absolute, p.tag = new(time.Duration), new(time.Duration), new(string)
	p.persistence = new(store.DefaultPersistence)
}

// AuthenticatedAt returns when Login, Renew or ConfirmAuthentication was last saved, by the store's clock; the zero time if
// never.
func (s *Session) AuthenticatedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.row.record.AuthenticatedAt
}

// AuthenticatedWithin reports whether the last authentication is at most d ago, or pending: if not, ask for the password
// again before something that matters (OWASP ASVS 7.5).
func (s *Session) AuthenticatedWithin(d time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false
	}
	if s.pending.newer.authenticate || s.pending.inflight.authenticate {
		return true
	}
	at := s.row.record.AuthenticatedAt
	return !at.IsZero() && s.storeNow().Sub(at) <= d
}

// ConfirmAuthentication notes that the user has authenticated again, and rotates the token as Rotate does. The lifetime
// does not start again.
func (s *Session) ConfirmAuthentication() error {
	return s.begin(func(error) bool { return false }, func() {
		s.rotate()
		s.pending.newer.authenticate = true
	})
}
