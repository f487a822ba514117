package session

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Exchange is one request and its answer: it loads the session of the token that came, carries it in a context, commits it
// before the answer leaves, and says which token the client has to be sent. [Manager.Handler] does this for net/http; an
// Exchange is for other protocols and frameworks:
//
//	x, err := manager.Begin(ctx, token)
//	if err != nil {
//		return err
//	}
//	defer x.Close()
//	answer, err := handle(x.Context())
//	if err == nil {
//		err = x.Commit()
//	}
//	if err != nil {
//		x.Discard() // what handle has saved by itself stays, and its token is due
//	}
//	if token, due := x.Token(); due {
//		send(token) // "" ends the client's token
//	}
//
// For one over HTTP there are [Manager.BeginRequest], CommitStatus and Announce.
//
// An Exchange is for one goroutine at a time; its Session is not so limited.
type Exchange struct {
	m       *Manager
	ctx     context.Context // with the scope; of a socket, it ends with the session
	session Session
	scope   scope
	arrived *token        // what the request carried, or its session of another system has become
	live    bool          // it opened the session
	adopted bool          // the session was taken over from another system by this request
	suspect bool          // it lacks the proof of the session's device, and Observe knows
	strays  bool          // the request carried other cookies of the name, which are to be ended
	sure    bool          // a statement of the commit has confirmed that the token still opens the session
	from    *http.Request // which carried them
	used    atomic.Bool   // a handler has asked for the session
	watch   *member       // of a socket, or made by Watch
	ended   context.Context
	working bool // it is counted in Manager.work
}

// Begin loads the session of a token, and gives a context that carries it: FromContext works there. A token that opens
// nothing gives an empty session; "" stands for no token. An error is the store's.
func (m *Manager) Begin(ctx context.Context, token string) (*Exchange, error) {
	x := &Exchange{}
	x.init(m, ctx)
	t, _ := parseToken(token)
	if err := x.open(ctx, t); err != nil {
		return nil, err
	}
	x.session.keepAlive(x.ctx)
	return x, nil
}

func (x *Exchange) init(m *Manager, ctx context.Context) {
	x.m, x.session.m = m, m
	outer, _ := ctx.Value(scopeKey{}).(*scope)
	x.scope = scope{m: m, x: x, outer: outer}
	x.ctx = context.WithValue(ctx, scopeKey{}, &x.scope)
}

// Context returns the request's context with the session in it.
func (x *Exchange) Context() context.Context { return x.ctx }

// Session returns the session.
func (x *Exchange) Session() *Session {
	if !x.used.Load() {
		x.used.Store(true)
	}
	return &x.session
}

// open loads the session of a token. One that opens nothing gives an empty session, one from before a rotation a session
// that has ended; any other failure is an error.
func (x *Exchange) open(ctx context.Context, t *token) error {
	if t == nil {
		return nil
	}
	x.arrived = t
	ctx, cancel := x.m.forLoad(ctx)
	defer cancel()
	err := x.session.loadToken(ctx, t)
	x.live = err == nil && !x.session.IsNew()
	if errors.Is(err, ErrRotated) {
		return nil
	}
	return err
}

// Commit saves what was changed, before the answer leaves, so that the client's next request finds it. It is detached
// from the cancellation of the request's context; but a new token for a stored session is not saved for a client that
// has gone. Afterwards nothing can be changed that needs a token to be sent. It returns the errors of Save.
func (x *Exchange) Commit() error {
	err := x.commit()
	x.session.sealNow()
	return err
}

// commit saves, settles what is unknown, and confirms what will be sent.
func (x *Exchange) commit() error {
	s := &x.session
	if !s.sealUnlessOwing() {
		x.touch()
		x.confirm(false)
		return nil
	}
	defer s.lift(x.m)()
	wrote, expired, err := x.saveOwed(true)
	if err != nil {
		x.unconfirmed()
		return err
	}
	if !expired {
		x.confirm(wrote)
	}
	return nil
}

// saveOwed saves what a response has to wait for. If the session has expired while its request ran, nothing is saved, and
// the request ends well: its cookie ends.
func (x *Exchange) saveOwed(last bool) (wrote, expired bool, err error) {
	s := &x.session
	if err := x.unheard(); err != nil {
		return false, false, err
	}
	before := s.Err()
	wrote, err = x.saveSettled(last)
	if errors.Is(err, ErrExpired) && before == nil && x.live && s.expiredUnder(x.m) {
		s.expiredMeanwhile()
		return false, true, nil
	}
	return wrote, false, err
}

// unconfirmed keeps a token from being sent once more that no statement has confirmed. The client does not have that
// of a session that was taken over: it is confirmed now.
func (x *Exchange) unconfirmed() {
	switch {
	case !x.session.resends(x.arrived):
	case x.adopted:
		x.confirm(false)
	default:
		x.session.confirmed(false)
	}
}

// errClientGone is returned for a rotation whose client has gone before the commit: the row would get a token that no
// client receives.
var errClientGone = errors.New("session: the client has gone, its new token is not saved")

// unheard refuses to rotate a stored session for a client that has gone.
func (x *Exchange) unheard() error {
	if x.ctx.Err() == nil || !x.session.rotatesStored() {
		return nil
	}
	x.session.drop()
	return fmt.Errorf("%w: %w", errClientGone, context.Cause(x.ctx))
}

// saveSettled saves for a response. If the outcome of a rotation is unknown, it repeats the save for a bounded time: a
// client that does not receive its new token is locked out.
func (x *Exchange) saveSettled(last bool) (wrote bool, err error) {
	limit := time.Now().Add(x.manager().config.StoreTimeout)
	for attempt := 4; ; attempt++ {
		wrote, err = x.save(last)
		if err == nil || nothingWritten(err) || !x.session.tokenUnknown() || !time.Now().Before(limit) {
			return wrote, err
		}
		if pause(context.WithoutCancel(x.ctx), attempt) != nil {
			return wrote, err
		}
	}
}

// settle finds out which token opens the row, if writes that carried a rotation have failed without saying whether they
// took effect: by a write, which no such write comes after.
func (x *Exchange) settle() {
	limit := time.Now().Add(x.manager().config.StoreTimeout)
	for attempt := 4; x.session.tokenUnknown() && time.Now().Before(limit); attempt++ {
		ctx := x.manager().detach(x.ctx)
		err := x.session.Touch(ctx)
		if err == nil {
			x.session.tokenKnown()
		}
		if err == nil || pause(context.WithoutCancel(x.ctx), attempt) != nil {
			return
		}
	}
}

// save writes what is pending, detached from the request's cancellation.
func (x *Exchange) save(last bool) (wrote bool, err error) {
	ctx := x.manager().detach(x.ctx)
	return x.session.save(ctx, last)
}

// confirm makes sure that the token which is about to be sent once more still opens the row: a parallel request may have
// rotated it since this one's last statement, and its new cookie must not be overwritten. It also renews a cookie whose
// lifetime may be out of date. The token of a session that was taken over is sent unless it is known to be dead: the
// client has no other.
func (x *Exchange) confirm(wrote bool) {
	again := x.strays && x.live && x.session.Err() == nil || x.session.resends(x.arrived)
	stale := x.live && x.session.cookieStale()
	x.sure = wrote
	if wrote || !again && !stale {
		return
	}
	ctx := x.manager().detach(x.ctx)
	err := x.session.Touch(ctx)
	x.sure = err == nil
	x.session.confirmed(err == nil || x.adopted && !errors.Is(err, ErrGone))
	if err != nil && !errors.Is(err, ErrGone) {
		x.manager().config.Logger.WarnContext(x.ctx, "session: the cookie was not renewed", "session", &x.session, "error", err)
	}
}

// touch writes an access in the background if that is due.
func (x *Exchange) touch() {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.touchDue(s.m.policy()) {
		s.m.touchSoon(x.ctx, s)
	}
}

// Token returns, after Commit, whether the client has to be sent a token, and which: "" if it has to forget the one it has.
func (x *Exchange) Token() (token string, due bool) {
	switch t, cookie := x.announced(); cookie {
	case cookieToken:
		return t.encode(), true
	case cookieExpiry:
		return "", true
	}
	return "", false
}

// Cookies returns, after Commit, the values of the Set-Cookie headers that have to be sent.
func (x *Exchange) Cookies() []string {
	m := x.manager()
	var lines []string
	t, cookie := x.announced()
	// Without a confirmation a parallel request may have sent the client a newer one, which must not be ended or overwritten.
	strays := x.strays && (x.sure || !x.live || cookie == cookieExpiry)
	if strays {
		lines = m.strayLines(x.from.Host, x.from.URL.EscapedPath())
	}
	switch cookie {
	case cookieToken:
		lines = append(lines, m.line(t, x.session.cookieLife()))
	case cookieExpiry:
		lines = append(lines, m.expired())
		if m.config.DeviceBound.Path != "" {
			lines = append(lines, m.proofName()+"=; Max-Age=0"+m.attributes)
		}
	case cookieNone:
		if strays && x.session.Err() == nil {
			lines = append(lines, x.remaining(m))
		}
	}
	return lines
}

// remaining is the one cookie of the name that the client keeps, or its end.
func (x *Exchange) remaining(m *Manager) string {
	if x.live {
		return m.line(x.arrived, x.session.cookieLife())
	}
	return m.expired()
}

// announced returns what the client has to be sent.
func (x *Exchange) announced() (*token, cookieDue) {
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.cookie == cookieExpiry && x.arrived == nil:
		return nil, cookieNone
	case s.cookie == cookieToken && s.ended != nil && s.ended != errWithheld:
		return nil, cookieNone // a parallel request may have sent a newer one, which this would overwrite
	}
	return s.row.token, s.cookie
}

// manager returns the innermost manager that has the session.
func (x *Exchange) manager() *Manager { return x.session.manager() }

// Discard drops what is pending, for a handler that has failed. What it has saved by itself stays, and Token and Cookies say
// what is due for that.
func (x *Exchange) Discard() {
	x.session.drop()
	x.settle()
	x.unconfirmed()
	x.session.sealNow()
}

// Close ends the exchange: what is changed later is refused with ErrClosed. Changes that were not committed are lost. An
// answer that is a stream, or a socket, closes it at its end.
func (x *Exchange) Close() {
	if x.watch != nil {
		x.m.hub.leave(x.watch)
	}
	if x.working {
		x.m.work.Done()
	}
	s := &x.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.close()
	s.stopKeepAlive()
}
