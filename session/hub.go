package session

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// hub knows the sessions of this process that somebody watches: sockets, and handlers that called Watch. It ends their
// contexts with their sessions, keeps the sessions alive, and tells of changes. Two goroutines serve all of them, and run
// only while there are any: one hears of events from the store, one looks at all sessions in each interval, which finds what
// no event told.
type hub struct {
	shared *shared
	wake   chan struct{} // holds a mark where fresh or all is set

	count atomic.Int64 // of members; read without mu on the path of every request

	mu       sync.Mutex
	members  map[Handle]*member // lists by member.next
	stop     context.CancelFunc
	interval time.Duration
	fresh    []Handle // to be looked at soon
	all      bool     // all of them
	closing  bool
}

// member is one that watches a session. All but the constants at the top is guarded by the hub's mu.
type member struct {
	session *Session
	cancel  context.CancelCauseFunc

	key    Handle
	next   *member
	joined bool
	told   int64 // the version that it was told of
}

// Statements for many sessions are cut to these sizes.
const (
	inspectSize = 5000
	touchSize   = 1000
)

func newHub(s *shared) *hub {
	return &hub{shared: s, wake: make(chan struct{}, 1), members: map[Handle]*member{}}
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
// loaded. Without a row it does nothing.
func (h *hub) join(mb *member, m *Manager) {
	mb.session.mu.Lock()
	stored, alive := mb.session.stored, mb.session.dead == nil
	if stored && alive {
		mb.key = mb.session.token.handle()
	}
	mb.session.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		mb.cancel(ErrShutdown)
		return
	}
	if mb.joined || !stored || !alive {
		return
	}
	mb.joined = true
	mb.next = h.members[mb.key]
	h.members[mb.key] = mb
	h.fresh = append(h.fresh, mb.key)
	if h.count.Add(1) == 1 {
		h.start(m.config.WebSocket.PollInterval)
	}
	h.interval = min(h.interval, m.config.WebSocket.PollInterval)
	h.signal()
}

// start starts the goroutines. h.mu is held.
func (h *hub) start(interval time.Duration) {
	ctx, cancel := context.WithCancel(context.Background())
	h.stop, h.interval = cancel, interval
	go h.loop(ctx)
	if watcher, ok := h.shared.store.(Watcher); ok {
		go func() { _ = watcher.Watch(ctx, h.event) }()
	}
}

// leave removes a member, and stops the goroutines with the last.
func (h *hub) leave(mb *member) {
	mb.cancel(context.Canceled)
	h.mu.Lock()
	defer h.mu.Unlock()
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

// signal wakes the loop. h.mu is held.
func (h *hub) signal() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// event takes what the store tells.
func (h *hub) event(e Event) {
	switch e.Kind {
	case Destroyed:
		h.end(e.Key, ErrDestroyed)
	case Revoked:
		h.end(e.Key, ErrRevoked)
	case Missed:
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
		h.fresh = append(h.fresh, key)
		h.signal()
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
func (h *hub) loop(ctx context.Context) {
	timer := time.NewTimer(h.pause())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			h.checkAll(ctx)
			timer.Reset(h.pause())
		case <-h.wake:
			h.checkAsked(ctx)
		}
	}
}

func (h *hub) pause() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.interval - h.interval/10 + rand.N(h.interval/5+1)
}

func (h *hub) checkAsked(ctx context.Context) {
	h.mu.Lock()
	all, fresh := h.all, h.fresh
	h.all, h.fresh = false, nil
	h.mu.Unlock()
	if all {
		h.checkAll(ctx)
		return
	}
	slices.SortFunc(fresh, compareHandles)
	h.check(ctx, slices.Compact(fresh))
}

func (h *hub) checkAll(ctx context.Context) {
	h.mu.Lock()
	h.all, h.fresh = false, nil
	keys := make([]Handle, 0, len(h.members))
	for key := range h.members {
		keys = append(keys, key)
	}
	h.mu.Unlock()
	slices.SortFunc(keys, compareHandles)
	h.check(ctx, keys)
}

func compareHandles(a, b Handle) int { return slices.Compare(a[:], b[:]) }

// check looks at the rows of keys, acts on what it finds, and touches those that are due.
func (h *hub) check(ctx context.Context, keys []Handle) {
	var due []Ref
	for chunk := range slices.Chunk(keys, inspectSize) {
		records, err := h.inspect(ctx, chunk)
		for _, key := range chunk {
			for _, mb := range h.of(key) {
				if ref, touch := h.judge(mb, records[key], err); touch {
					due = append(due, ref)
				}
			}
		}
	}
	due = slices.CompactFunc(due, func(a, b Ref) bool { return a.Key == b.Key })
	for chunk := range slices.Chunk(due, touchSize) {
		h.touch(ctx, chunk)
	}
}

// inspect returns the rows that there are.
func (h *hub) inspect(ctx context.Context, keys []Handle) (map[Handle]*Record, error) {
	ctx, m, cancel := h.bounded(ctx, keys)
	if m == nil {
		return nil, nil
	}
	defer cancel()
	start := time.Now()
	records, err := h.rows(ctx, keys)
	if ctx.Err() == nil || err == nil {
		m.observe(ctx, OpCheck, Handle{}, start, err)
	}
	if err != nil {
		return nil, err
	}
	byKey := make(map[Handle]*Record, len(records))
	for i := range records {
		byKey[records[i].Key] = &records[i]
	}
	return byKey, nil
}

// bounded returns a context that ends with the store's timeout, and the manager of one of the members; nil where all have
// left.
func (h *hub) bounded(ctx context.Context, keys []Handle) (context.Context, *Manager, context.CancelFunc) {
	for _, key := range keys {
		for _, mb := range h.of(key) {
			m := mb.session.manager()
			ctx, cancel := context.WithTimeout(ctx, m.config.StoreTimeout)
			return ctx, m, cancel
		}
	}
	return ctx, nil, nil
}

func (h *hub) rows(ctx context.Context, keys []Handle) ([]Record, error) {
	if inspector, ok := h.shared.store.(Inspector); ok {
		return inspector.Inspect(ctx, keys)
	}
	var found []Record
	for _, key := range keys {
		for _, mb := range h.of(key) {
			r, err := h.shared.store.Load(ctx, mb.session.reference())
			if err == nil {
				found = append(found, r)
			} else if !errors.Is(err, ErrGone) {
				return nil, err
			}
		}
	}
	return found, nil
}

func (s *Session) reference() Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ref()
}

// judge acts on what a member's row says, nil where there is none, and returns what is to be touched. Where the database
// could not tell, a session whose time is up by what was last known ends all the same.
func (h *hub) judge(mb *member, r *Record, failure error) (ref Ref, touch bool) {
	s := mb.session
	s.mu.Lock()
	if dead := s.dead; dead != nil {
		s.mu.Unlock()
		h.kill(mb, dead) // the connection itself was the first to learn of it
		return Ref{}, false
	}
	cause, version := s.verdict(r, failure), int64(0)
	if cause == nil && r != nil {
		s.refresh(r)
		version = r.Version
		ref, touch = s.ref(), !s.m.config.WebSocket.NoKeepAlive && s.touchDue()
	}
	s.mu.Unlock()
	if cause != nil {
		h.kill(mb, cause)
		return Ref{}, false
	}
	h.tell(mb, version)
	return ref, touch
}

// verdict says how the session has ended, nil where it lives. s.mu is held.
func (s *Session) verdict(r *Record, failure error) error {
	known := Record{ExpiresAt: s.meta.expiresAt, CreatedAt: s.meta.createdAt, Timeouts: s.meta.timeouts}
	over := !s.meta.storeNow().Before(known.end(s.m.policy.Timeouts))
	switch {
	case failure != nil && !over:
		return nil
	case failure != nil, r == nil && over:
		return ErrExpired
	case r == nil:
		return ErrGone
	case !s.holds(r.Hash):
		return ErrRotated
	case !r.Now.Before(r.end(s.m.policy.Timeouts)):
		return ErrExpired
	}
	return nil
}

// holds reports whether the hash is of this session's token, or of the one that a save in flight brings. s.mu is held.
func (s *Session) holds(hash Hash) bool {
	id := s.inflight.id
	return s.token.hash(s.m.realm) == hash || (id != nil && id.hash(s.m.realm) == hash)
}

// refresh takes over what a look at the row has told, unless something newer is known. s.mu is held.
func (s *Session) refresh(r *Record) {
	if r.Now.Before(s.meta.now) {
		return
	}
	s.meta.expiresAt, s.meta.createdAt, s.meta.timeouts = r.ExpiresAt, r.CreatedAt, r.Timeouts
	s.meta.now, s.meta.readAt = r.Now, time.Now()
}

// touch keeps sessions alive. What fails is due again at the next look.
func (h *hub) touch(ctx context.Context, refs []Ref) {
	ctx, m, cancel := h.bounded(ctx, []Handle{refs[0].Key})
	if m == nil {
		return
	}
	defer cancel()
	start := time.Now()
	var err error
	if toucher, ok := h.shared.store.(Toucher); ok {
		err = toucher.TouchAll(ctx, refs)
	} else {
		for _, ref := range refs {
			_, one := h.shared.store.Touch(ctx, ref)
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
	var all []*member
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
