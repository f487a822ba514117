package session

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// hub watches over the sessions of this process that long-lived handlers have: sockets, and those that called Watch. It
// ends their contexts with their sessions, keeps the sessions alive, and reports changes. Two goroutines serve all of them,
// from the first member until some time after the last: one receives the store's events, one polls all rows in each
// interval, the shortest that one of them needs, which finds what no event has said.
//
// It calls methods of a Session and writes no field of one. Locks are taken in the order Session.mu, hub.mu.
type hub struct {
	shared *shared
	count  atomic.Int64 // of members; read without mu on the path of every request

	mu       sync.Mutex
	members  map[Handle]*member   // lists by member.next
	waiting  map[*member]struct{} // for a row, which they may never have
	stop     context.CancelFunc   // of the goroutines; nil while they do not run
	idle     *time.Timer          // stops them
	wake     chan struct{}        // of the running poll; holds a mark if soon or all is set
	interval time.Duration
	soon     map[Handle]error // to be polled at once, and how the session has ended if its row is gone
	all      bool             // all rows are to be polled at once
	closing  bool
}

// member is one that watches a session. All but the constants at the top is guarded by the hub's mu.
type member struct {
	session *Session
	cancel  context.CancelCauseFunc
	key     Handle // since it has joined

	next     *member
	joined   bool
	reported int64 // the version of the last change that was reported
}

// linger is how long the goroutines outlive the last member: a user who goes from page to page should not open and
// close a connection to the database each time.
const linger = time.Minute

func newHub(s *shared) *hub {
	return &hub{shared: s, members: map[Handle]*member{}, waiting: map[*member]struct{}{}}
}

// enter counts a long-lived handler, unless the hub is shut down.
func (h *hub) enter() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closing {
		h.shared.work.Add(1)
	}
	return !h.closing
}

// join adds a member whose session has a row, and has the row polled, since the session may have ended after it was
// loaded. One without a row waits: for the row, or for the shutdown. For one that has joined, the configuration may have
// become that of a manager within m's.
func (h *hub) join(mb *member, m *Manager) {
	row := mb.session.hubView()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closing:
		mb.cancel(ErrShutdown)
	case mb.joined:
		if row.interval < h.interval {
			h.request(mb.key, nil)
		}
	case row.ended != nil:
		mb.cancel(row.ended)
	case row.presence != stored:
		h.waiting[mb] = struct{}{}
	default:
		h.add(mb, row.token.handle(), m)
	}
}

// add makes mb one of those that watch key. h.mu is held.
func (h *hub) add(mb *member, key Handle, m *Manager) {
	delete(h.waiting, mb)
	mb.joined, mb.key = true, key
	mb.next = h.members[key]
	h.members[key] = mb
	h.count.Add(1)
	h.start(m)
	h.request(key, nil)
}

// start starts the goroutines if they do not run. h.mu is held.
func (h *hub) start(m *Manager) {
	if h.idle != nil {
		h.idle.Stop()
		h.idle = nil
	}
	if h.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.wake, h.interval, h.soon = cancel, make(chan struct{}, 1), m.config.WebSocket.PollInterval, map[Handle]error{}
	go h.poll(ctx, m, h.wake)
	if watcher, ok := h.shared.store.(store.Watcher); ok {
		go h.watch(ctx, m, watcher)
	}
}

// watch receives the store's events until ctx ends. If the store's Watch returns before, it is called again.
func (h *hub) watch(ctx context.Context, m *Manager, watcher store.Watcher) {
	for {
		err := watcher.Watch(ctx, h.event)
		if ctx.Err() != nil {
			return
		}
		m.config.Logger.ErrorContext(ctx, "session: watching for ended sessions failed, sockets learn of it by polling", "error", err)
		if pause(ctx, 6) != nil {
			return
		}
	}
}

// OpenSockets returns how many sockets and other handlers that watch their session are open now in this process, of the
// manager and all those derived with it: for a gauge.
func (m *Manager) OpenSockets() int { return m.hub.open() }

func (h *hub) open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return int(h.count.Load()) + len(h.waiting)
}

// leave removes a member, and stops the goroutines some time after the last.
func (h *hub) leave(mb *member) {
	mb.cancel(context.Canceled)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, mb)
	if !mb.joined {
		return
	}
	mb.joined = false
	h.remove(mb)
	switch last := h.count.Add(-1) == 0; {
	case last && h.closing:
		h.halt()
	case last:
		h.idle = time.AfterFunc(linger, h.stopIdle)
	}
}

// remove takes mb off the list of its key. h.mu is held.
func (h *hub) remove(mb *member) {
	first := h.members[mb.key]
	if first != mb {
		for ; first.next != mb; first = first.next {
		}
		first.next = mb.next
		return
	}
	h.members[mb.key] = mb.next
	if mb.next == nil {
		delete(h.members, mb.key)
	}
}

// stopIdle stops the goroutines if there is still no member.
func (h *hub) stopIdle() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count.Load() == 0 {
		h.halt()
	}
}

// halt stops the goroutines. h.mu is held.
func (h *hub) halt() {
	if h.stop != nil {
		h.stop()
		h.stop = nil
	}
}

// request has key polled at once; cause says how its session has ended if the row is gone. h.mu is held.
func (h *hub) request(key Handle, cause error) {
	if h.stop == nil {
		return
	}
	if cause != nil || h.soon[key] == nil {
		h.soon[key] = cause
	}
	h.signal()
}

// signal wakes the poll. h.mu is held.
func (h *hub) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// event receives what the store reports. The hub acts on it only after it has read the row: on some databases everybody
// can send a notification.
func (h *hub) event(e store.Event) {
	switch e.Kind {
	case store.Destroyed:
		h.pollSoon(e.Key, ErrDestroyed)
	case store.Revoked:
		h.pollSoon(e.Key, ErrRevoked)
	case store.Missed:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = true
		h.signal()
	default:
		h.pollSoon(e.Key, nil)
	}
}

// pollSoon has one row polled at once, if somebody watches it.
func (h *hub) pollSoon(key Handle, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.members[key] != nil {
		h.request(key, cause)
	}
}

// of returns the members that watch key.
func (h *hub) of(key Handle) (found []*member) {
	if h.count.Load() == 0 {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for mb := h.members[key]; mb != nil; mb = mb.next {
		found = append(found, mb)
	}
	return found
}

// end ends all that watch key.
func (h *hub) end(key Handle, cause error) {
	for _, mb := range h.of(key) {
		mb.end(cause)
	}
}

// destroyed ends those that watch the row under the secret that it was destroyed with. Under another one nothing may have
// been deleted: those are polled.
func (h *hub) destroyed(ref store.Ref) {
	for _, mb := range h.of(ref.Key) {
		if mb.session.hasHash(ref.Hash) {
			mb.end(ErrDestroyed)
		} else {
			h.pollSoon(ref.Key, ErrDestroyed)
		}
	}
}

// saved reports to those that watch key, but for s itself, that s was saved.
func (h *hub) saved(s *Session, key Handle, version int64, rotated bool) {
	members := h.of(key)
	if len(members) == 0 {
		return
	}
	own := s.ownTimeouts()
	for _, mb := range members {
		switch {
		case mb.session == s:
		case rotated:
			mb.end(ErrRotated)
		default:
			h.report(mb, version)
		}
		h.pollSooner(mb, own)
	}
}

// pollSooner has a row polled whose own timeouts, just saved, are too short for the interval.
func (h *hub) pollSooner(mb *member, own store.Timeouts) {
	interval := mb.session.manager().interval(own)
	h.mu.Lock()
	defer h.mu.Unlock()
	if interval < h.interval {
		h.request(mb.key, nil)
	}
}

// end ends a member's session for its connection, and its context.
func (mb *member) end(cause error) {
	m, owner, first := mb.session.endFromElsewhere(cause)
	mb.cancel(cause)
	if first {
		m.observe(context.Background(), OpEnd, mb.key, owner, time.Now(), cause)
	}
}

// report fires the session's RemoteChanges, once for each version.
func (h *hub) report(mb *member, version int64) {
	seen, remote := mb.session.remoteChanges()
	if remote == nil {
		return
	}
	h.mu.Lock()
	news := version > max(seen, mb.reported)
	mb.reported = max(mb.reported, version)
	h.mu.Unlock()
	if news {
		select {
		case remote <- struct{}{}:
		default:
		}
	}
}

// shutdown ends all members' contexts and lets nobody join any more.
func (h *hub) shutdown() {
	h.mu.Lock()
	h.closing = true
	all := slices.Collect(maps.Keys(h.waiting))
	for _, mb := range h.members {
		for ; mb != nil; mb = mb.next {
			all = append(all, mb)
		}
	}
	if len(h.members) == 0 {
		h.halt()
	}
	h.mu.Unlock()
	for _, mb := range all {
		mb.cancel(ErrShutdown)
	}
}
