package session

import (
	"cmp"
	"context"
	"errors"
	"github.com/simples-go/sessions/session/store"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hub knows the sessions of this process that somebody watches: sockets, and handlers that called Watch. It ends their
// contexts with their sessions, keeps the sessions alive, and tells of changes. Two goroutines serve all of them, and
// run only while there are any: one hears of events from the store, one looks at all sessions in each interval, the
// shortest that one of them needs, which finds what no event told.
type hub struct {
	shared *shared
	count  atomic.Int64 // of members; read without mu on the path of every request

	mu       sync.Mutex
	members  map[Handle]*member   // lists by member.next
	waiting  map[*member]struct{} // for a row, which they may never have
	stop     context.CancelFunc
	wake     chan struct{} // of the running loop; holds a mark where fresh or all is set
	interval time.Duration
	fresh    []Handle // to be looked at soon
	all      bool     // all of them
	closing  bool
}

// member is one that watches a session. All but the constants at the top is guarded by the hub's mu.
type member struct {
	session *Session
	cancel  context.CancelCauseFunc
	key     Handle // since it has joined

	next   *member
	joined bool
	told   int64  // the version that it was told of
	asked  *token // guarded by the session's mu
}

// Statements for many sessions are cut to these sizes.
const (
	inspectSize = 5000
	touchSize   = 1000
)

// minInterval bounds how often all sessions are looked at for one that would expire between two looks. A shorter
// PollInterval holds all the same.
const minInterval = 100 * time.Millisecond

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

// join adds a member whose session has a row, and has the row looked at, since the session may have ended after it was
// loaded. One without a row waits: for the row, or for the shutdown. For one that has joined, the configuration may have
// become that of a manager within m's.
func (h *hub) join(mb *member, m *Manager) {
	mb.session.mu.Lock()
	stored, dead := mb.session.stored, mb.session.dead
	interval := mb.session.m.interval(mb.session.meta.timeouts)
	var key Handle
	if stored && dead == nil {
		key = mb.session.token.handle()
	}
	mb.session.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closing:
		mb.cancel(ErrShutdown)
	case mb.joined:
		if interval < h.interval {
			h.request(mb.key)
		}
	case dead != nil:
		mb.cancel(dead)
	case !stored:
		h.waiting[mb] = struct{}{}
	default:
		h.add(mb, key, m)
	}
}

// add makes mb one of those that watch key. h.mu is held.
func (h *hub) add(mb *member, key Handle, m *Manager) {
	delete(h.waiting, mb)
	mb.joined, mb.key = true, key
	mb.next = h.members[mb.key]
	h.members[mb.key] = mb
	if h.count.Add(1) == 1 {
		h.start(m.config.WebSocket.PollInterval)
	}
	h.request(mb.key)
}

// start starts the goroutines. h.mu is held.
func (h *hub) start(interval time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.wake, h.interval = cancel, make(chan struct{}, 1), interval
	go h.loop(ctx, h.wake)
	if watcher, ok := h.shared.store.(store.Watcher); ok {
		go func() { _ = watcher.Watch(ctx, h.event) }()
	}
}

// leave removes a member, and stops the goroutines with the last.
func (h *hub) leave(mb *member) {
	mb.cancel(context.Canceled)
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.waiting, mb)
	if !mb.joined {
		return
	}
	mb.joined = false
	if first := h.members[mb.key]; first == mb {
		h.members[mb.key] = mb.next
	} else {
		for ; first.next != mb; first = first.next {
		}
		first.next = mb.next
	}
	if h.members[mb.key] == nil {
		delete(h.members, mb.key)
	}
	if h.count.Add(-1) == 0 {
		h.stop()
	}
}

// request asks the loop for a look at key. h.mu is held.
func (h *hub) request(key Handle) {
	h.fresh = append(h.fresh, key)
	h.signal()
}

// signal wakes the loop. h.mu is held.
func (h *hub) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// event takes what the store tells.
func (h *hub) event(e store.Event) {
	switch e.Kind {
	case store.Destroyed:
		h.end(e.Key, ErrDestroyed)
	case store.Revoked:
		h.end(e.Key, ErrRevoked)
	case store.Missed:
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = true
		h.signal()
	default:
		h.look(e.Key)
	}
}

// look has one session looked at, if somebody watches it.
func (h *hub) look(key Handle) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.members[key] != nil {
		h.request(key)
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
		h.kill(mb, cause)
	}
}

// destroyed ends those that watch the row under the secret that it was destroyed with. Under another one nothing may have
// been deleted: those are looked at.
func (h *hub) destroyed(ref store.Ref) {
	for _, mb := range h.of(ref.Key) {
		mb.session.mu.Lock()
		t, m := mb.session.token, mb.session.m
		same := t != nil && t.hash(m.realm) == ref.Hash
		mb.session.mu.Unlock()
		if same {
			h.kill(mb, ErrDestroyed)
		} else {
			h.look(ref.Key)
		}
	}
}

// saved tells those that watch key, but for s itself, that s was saved.
func (h *hub) saved(s *Session, key Handle, version int64, rotated bool) {
	for _, mb := range h.of(key) {
		switch {
		case mb.session == s:
		case rotated:
			h.kill(mb, ErrRotated)
		default:
			h.tell(mb, version)
		}
		h.hasten(mb, s.own())
	}
}

// own returns the timeouts that are set on the session itself.
func (s *Session) own() store.Timeouts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.meta.timeouts
}

// hasten has a session looked at whose own timeouts, just saved, are too short for the interval.
func (h *hub) hasten(mb *member, own store.Timeouts) {
	interval := mb.session.manager().interval(own)
	h.mu.Lock()
	defer h.mu.Unlock()
	if interval < h.interval {
		h.request(mb.key)
	}
}

// kill ends a member's session for its connection, and its context.
func (h *hub) kill(mb *member, cause error) {
	s := mb.session
	s.mu.Lock()
	first := s.dead == nil
	if first {
		s.dead = cause
	}
	m, ctx := s.m, context.Background()
	s.mu.Unlock()
	mb.cancel(cause)
	if first {
		m.observe(ctx, OpEnd, mb.key, time.Now(), cause)
	}
}

// tell fires the session's Changes, once for each version.
func (h *hub) tell(mb *member, version int64) {
	s := mb.session
	s.mu.Lock()
	seen, changes := s.meta.version, s.changes
	s.mu.Unlock()
	if changes == nil {
		return
	}
	h.mu.Lock()
	news := version > max(seen, mb.told)
	mb.told = max(mb.told, version)
	h.mu.Unlock()
	if news {
		select {
		case changes <- struct{}{}:
		default:
		}
	}
}

// loop looks at sessions: at all in each interval, with some jitter so that processes part, and at some when asked.
func (h *hub) loop(ctx context.Context, wake <-chan struct{}) {
	next := time.Now().Add(h.pause())
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			h.round(ctx, true)
			next = time.Now().Add(h.pause())
		case <-wake:
			h.round(ctx, false)
			if sooner := time.Now().Add(h.pause()); sooner.Before(next) { // the interval may have become shorter
				next = sooner
			}
		}
		timer.Reset(time.Until(next))
	}
}

func (h *hub) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.interval - h.interval/10 + rand.N(h.interval/5+1)
}

// take returns which sessions to look at: all, or those that were asked for. None to a loop that has been stopped: what
// is asked for by then is for the next.
func (h *hub) take(ctx context.Context, all bool) (keys []Handle, everything bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return nil, false
	}
	all = all || h.all
	if keys = h.fresh; all {
		keys = slices.AppendSeq(make([]Handle, 0, len(h.members)), maps.Keys(h.members))
	}
	h.all, h.fresh = false, nil
	return keys, all
}

// round is one look, at all sessions or at those that were asked for. It sets the interval by what they need.
func (h *hub) round(ctx context.Context, all bool) {
	keys, all := h.take(ctx, all)
	slices.SortFunc(keys, compareHandles)
	interval := h.check(ctx, slices.Compact(keys))
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	if !all {
		interval = min(interval, h.interval)
	}
	h.interval = interval
}

// interval is how often the session has to be looked at.
func (s *Session) interval() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m.interval(s.meta.timeouts)
}

// interval is how often a session with these timeouts of its own has to be looked at: in each PollInterval, and where
// it is kept alive, three times between when an access extends its life and its end. The latter is bounded by
// minInterval: an idle timeout below about 300 ms is not kept alive, unless PollInterval is short enough.
func (m *Manager) interval(own store.Timeouts) time.Duration {
	socket := &m.config.WebSocket
	r := store.Record{Timeouts: own}
	span := own.Or(m.policy.Timeouts).Idle - r.Step(m.policy)
	if socket.NoKeepAlive || span <= 0 {
		return socket.PollInterval
	}
	return min(socket.PollInterval, max(minInterval, span/3))
}

func compareHandles(a, b Handle) int { return slices.Compare(a[:], b[:]) }

// check looks at the rows of keys, acts on what it finds, and touches those that are due. It returns how soon that has
// to be done again.
func (h *hub) check(ctx context.Context, keys []Handle) (interval time.Duration) {
	interval = MaxTimeout
	for chunk := range slices.Chunk(keys, inspectSize) {
		members := h.watching(chunk)
		if len(members) == 0 {
			continue
		}
		h.checkChunk(ctx, chunk, members)
		for _, mb := range members {
			interval = min(interval, mb.session.interval())
		}
	}
	return interval
}

// checkChunk acts on what a look says about those who were there when it began: an answer that was on its way already
// may be too old for those who have come since. They are looked at next.
func (h *hub) checkChunk(ctx context.Context, keys []Handle, members []*member) {
	m := members[0].session.manager()
	ask(members)
	records, err := h.inspect(ctx, m, keys, members)
	var due []store.Ref
	for _, mb := range members {
		if ref, touch := h.judge(mb, records[mb.key], err); touch {
			due = append(due, ref)
		}
	}
	due = slices.CompactFunc(due, func(a, b store.Ref) bool { return a.Key == b.Key })
	for some := range slices.Chunk(due, touchSize) {
		h.touch(ctx, m, some)
	}
}

// watching returns the members that watch one of keys, in their order.
func (h *hub) watching(keys []Handle) (found []*member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, key := range keys {
		for mb := h.members[key]; mb != nil; mb = mb.next {
			found = append(found, mb)
		}
	}
	return found
}

// ask takes note of the tokens that the sessions have when a look begins.
func ask(members []*member) {
	for _, mb := range members {
		mb.session.mu.Lock()
		mb.asked = mb.session.token
		mb.session.mu.Unlock()
	}
}

// rotating reports whether this connection has itself rotated the session since the look began, or is about to: what
// the look has found may be the row from before that. The next one finds what was true. s.mu is held.
func (mb *member) rotating() bool {
	s := mb.session
	return s.token != mb.asked || s.inflight.id != nil
}

// inspect returns the rows that there are.
func (h *hub) inspect(ctx context.Context, m *Manager, keys []Handle, members []*member) (map[Handle]*store.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, m.config.StoreTimeout)
	defer cancel()
	start := time.Now()
	records, err := h.rows(bounded, keys, members)
	if err == nil || ctx.Err() == nil { // unless nobody watches any more
		m.observe(ctx, OpCheck, Handle{}, start, err)
	}
	if err != nil {
		return nil, err
	}
	byKey := make(map[Handle]*store.Record, len(records))
	for i := range records {
		byKey[records[i].Key] = &records[i]
	}
	return byKey, nil
}

func (h *hub) rows(ctx context.Context, keys []Handle, members []*member) ([]store.Record, error) {
	if inspector, ok := h.shared.store.(store.Inspector); ok {
		return inspector.Inspect(ctx, keys)
	}
	var found []store.Record
	for _, mb := range members {
		r, err := h.shared.store.Load(ctx, mb.session.reference())
		if err == nil {
			found = append(found, r)
		} else if !errors.Is(err, ErrGone) {
			return nil, err
		}
	}
	return found, nil
}

func (s *Session) reference() store.Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ref()
}

// judge acts on what a member's row says, nil where there is none, and returns what is to be touched. Where the database
// could not tell, a session whose time is up by what was last known ends all the same.
func (h *hub) judge(mb *member, r *store.Record, failure error) (ref store.Ref, touch bool) {
	s := mb.session
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return store.Ref{}, false
	}
	if dead := s.dead; dead != nil {
		s.mu.Unlock()
		h.kill(mb, dead) // the connection itself was the first to learn of it
		return store.Ref{}, false
	}
	cause, version := s.verdict(r, failure), int64(0)
	if cause != nil && mb.rotating() {
		s.mu.Unlock()
		return store.Ref{}, false
	}
	if cause == nil && r != nil {
		s.refresh(r)
		version = r.Version
		ref, touch = s.ref(), !s.m.config.WebSocket.NoKeepAlive && s.touchDue()
	}
	s.mu.Unlock()
	if cause != nil {
		h.kill(mb, cause)
		return store.Ref{}, false
	}
	h.tell(mb, version)
	return ref, touch
}

// verdict says how the session has ended, nil where it lives. s.mu is held.
func (s *Session) verdict(r *store.Record, failure error) error {
	known := s.record()
	over := !s.meta.storeNow().Before(known.End(s.m.policy))
	switch {
	case failure != nil && !over:
		return nil
	case failure != nil, r == nil && over:
		return ErrExpired
	case r == nil:
		return ErrGone
	case !s.holds(r.Hash):
		return ErrRotated
	case !r.Now.Before(r.End(s.m.policy)):
		return ErrExpired
	}
	return nil
}

// holds reports whether the hash is of this session's token, or of one that a save has brought or may have. s.mu is held.
func (s *Session) holds(hash store.Hash) bool {
	for _, t := range append([]*token{s.token, s.inflight.id}, s.maybe...) {
		if t != nil && t.hash(s.m.realm) == hash {
			return true
		}
	}
	return false
}

// refresh takes over what a look at the row has told, unless something newer is known. s.mu is held.
func (s *Session) refresh(r *store.Record) {
	if r.Now.Before(s.meta.now) {
		return
	}
	s.meta.expiresAt, s.meta.accessedAt, s.meta.createdAt, s.meta.timeouts = r.ExpiresAt, r.AccessedAt, r.CreatedAt, r.Timeouts
	s.meta.now, s.meta.readAt = r.Now, time.Now()
}

// touch keeps sessions alive. What fails is due again at the next look.
func (h *hub) touch(ctx context.Context, m *Manager, refs []store.Ref) {
	bounded, cancel := context.WithTimeout(ctx, m.config.StoreTimeout)
	defer cancel()
	start := time.Now()
	var err error
	if toucher, ok := h.shared.store.(store.Toucher); ok {
		err = toucher.TouchAll(bounded, refs)
	} else {
		for _, ref := range refs {
			_, one := h.shared.store.Touch(bounded, ref)
			err = cmp.Or(err, one)
		}
	}
	m.observe(ctx, OpTouch, Handle{}, start, err)
	if err != nil && ctx.Err() == nil {
		m.config.Logger.WarnContext(ctx, "session: touching the sessions of open sockets failed", "sessions", len(refs), "error", err)
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
	h.mu.Unlock()
	for _, mb := range all {
		mb.cancel(ErrShutdown)
	}
}
