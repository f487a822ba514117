package session

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/simples-go/sessions/session/store"
)

// Statements for many sessions are cut to these sizes.
const (
	inspectSize = 5000
	touchSize   = 1000
)

// minInterval bounds how often all rows are polled for one that would expire between two polls. A shorter PollInterval
// holds all the same.
const minInterval = 100 * time.Millisecond

// poll reads rows until ctx ends: all in each interval, with some jitter so that processes part, and some on request.
func (h *hub) poll(ctx context.Context, m *Manager, wake <-chan struct{}) {
	p := &poller{hub: h, m: m}
	next := time.Now().Add(h.pause())
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			p.round(ctx, true)
			next = time.Now().Add(h.pause())
		case <-wake:
			p.round(ctx, false)
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

// poller does the rounds of a hub.
type poller struct {
	hub     *hub
	m       *Manager // whose first member has started the poll; for its logger and the touches
	failing bool     // the last statement failed, and that was logged

	touching atomic.Bool // touches are under way
}

// round polls all rows once, or those that were requested, and sets the interval by what they need.
func (p *poller) round(ctx context.Context, all bool) {
	causes, all := p.hub.take(ctx, all)
	keys := slices.SortedFunc(maps.Keys(causes), compareHandles)
	interval := p.check(ctx, keys, causes)
	p.hub.setInterval(ctx, interval, all)
}

func compareHandles(a, b Handle) int { return slices.Compare(a[:], b[:]) }

// take returns which rows to poll, with how their sessions have ended if they are gone: all, or those requested. None to a
// poll that has been stopped: what is requested by then is for the next.
func (h *hub) take(ctx context.Context, all bool) (causes map[Handle]error, everything bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ctx.Err() != nil {
		return nil, false
	}
	all = all || h.all
	causes = h.soon
	if all {
		for key := range h.members {
			if _, requested := causes[key]; !requested {
				causes[key] = nil
			}
		}
	}
	h.all, h.soon = false, map[Handle]error{}
	return causes, all
}

// setInterval notes how soon the next round is needed. After a round on request it only becomes shorter.
func (h *hub) setInterval(ctx context.Context, interval time.Duration, all bool) {
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

// interval is how often a session with these timeouts of its own has to be polled: in each PollInterval, and if it is kept
// alive, three times between when an access extends its life and its end. The latter is bounded by minInterval: an idle
// timeout below about 300 ms is not kept alive, unless PollInterval is short enough.
func (m *Manager) interval(own store.Timeouts) time.Duration {
	socket, policy := &m.config.WebSocket, m.policy()
	r := store.Record{Timeouts: own}
	idle := own.Or(policy.Timeouts).Idle
	if policy.IdleLimit > 0 {
		idle = min(idle, policy.IdleLimit)
	}
	span := idle - r.Step(policy)
	if socket.NoKeepAlive || span <= 0 {
		return socket.PollInterval
	}
	return min(socket.PollInterval, max(minInterval, span/3))
}

// polled is a member with the token that its session had before its row was read.
type polled struct {
	*member
	token *token
}

// check polls the rows of keys, acts on what it finds, and touches those that are due. It returns how soon that has to be
// done again.
func (p *poller) check(ctx context.Context, keys []Handle, causes map[Handle]error) (interval time.Duration) {
	interval = MaxTimeout
	if len(keys) == 0 {
		interval = p.m.config.WebSocket.PollInterval
	}
	var due []store.Ref
	for chunk := range slices.Chunk(keys, inspectSize) {
		members := p.hub.membersOf(chunk)
		if len(members) == 0 {
			continue
		}
		due = append(due, p.checkChunk(ctx, chunk, members, causes)...)
		for _, mb := range members {
			interval = min(interval, mb.session.pollInterval())
		}
	}
	p.touchBeside(ctx, due)
	return interval
}

// checkChunk acts on what the rows say about those who were there before they were read: an answer that was on its way
// already may be too old for those who have come since. They are polled next. It returns what is to be touched.
func (p *poller) checkChunk(ctx context.Context, keys []Handle, members []polled, causes map[Handle]error) (due []store.Ref) {
	records, err := p.inspect(ctx, members[0].session.manager(), keys, members)
	for _, mb := range members {
		if ref, touch := p.apply(mb, records[mb.key], causes[mb.key], err); touch {
			due = append(due, ref)
		}
	}
	return slices.CompactFunc(due, func(a, b store.Ref) bool { return a.Key == b.Key })
}

// membersOf returns the members that watch one of keys, in their order.
func (h *hub) membersOf(keys []Handle) (found []polled) {
	h.mu.Lock()
	for _, key := range keys {
		for mb := h.members[key]; mb != nil; mb = mb.next {
			found = append(found, polled{member: mb})
		}
	}
	h.mu.Unlock()
	for i := range found {
		found[i].token = found[i].session.hubView().token
	}
	return found
}

// inspect returns the rows that there are.
func (p *poller) inspect(ctx context.Context, m *Manager, keys []Handle, members []polled) (map[Handle]*store.Record, error) {
	bounded, cancel := context.WithTimeout(ctx, m.config.StoreTimeout)
	defer cancel()
	start := time.Now()
	records, err := p.rows(bounded, keys, members)
	if err == nil || ctx.Err() == nil { // unless nobody watches any more
		m.observe(ctx, OpCheck, Handle{}, "", start, err)
		p.logFailure(ctx, m, err)
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

// logFailure logs when polling begins to fail, and when it works again.
func (p *poller) logFailure(ctx context.Context, m *Manager, err error) {
	switch {
	case err != nil && !p.failing:
		m.config.Logger.ErrorContext(ctx, "session: polling the sessions of open sockets failed; they stay open until it works", "error", err)
	case err == nil && p.failing:
		m.config.Logger.InfoContext(ctx, "session: polling the sessions of open sockets works again")
	}
	p.failing = err != nil
}

func (p *poller) rows(ctx context.Context, keys []Handle, members []polled) ([]store.Record, error) {
	if inspector, ok := p.hub.shared.store.(store.Inspector); ok {
		return inspector.Inspect(ctx, keys)
	}
	var found []store.Record
	for _, mb := range members {
		r, err := p.hub.shared.store.Load(ctx, mb.session.currentRef())
		if err == nil {
			r.Key, r.Hash = mb.key, mb.session.currentRef().Hash
			found = append(found, r)
		} else if !errors.Is(err, ErrGone) {
			return nil, err
		}
	}
	return found, nil
}

// apply acts on what a member's row says, nil if there is none, and returns what is to be touched.
func (p *poller) apply(mb polled, r *store.Record, gone, failure error) (ref store.Ref, touch bool) {
	ref, touch, cause := mb.session.applyPoll(mb.token, r, gone, failure)
	if cause != nil {
		mb.end(cause)
	} else if r != nil {
		p.hub.report(mb.member, r.Version)
	}
	return ref, touch
}

// touchBeside keeps sessions alive while polling goes on: a database that reads and does not write would otherwise keep
// sockets from hearing of their sessions' ends. What is due meanwhile is due again at the next round.
func (p *poller) touchBeside(ctx context.Context, due []store.Ref) {
	if len(due) == 0 || !p.touching.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer p.touching.Store(false)
		for some := range slices.Chunk(due, touchSize) {
			if ctx.Err() != nil {
				return // nobody watches any more
			}
			p.touch(ctx, some)
		}
	}()
}

// touch touches sessions. What fails is due again at the next round.
func (p *poller) touch(ctx context.Context, refs []store.Ref) {
	bounded, cancel := context.WithTimeout(ctx, p.m.config.StoreTimeout)
	defer cancel()
	start := time.Now()
	var err error
	if toucher, ok := p.hub.shared.store.(store.Toucher); ok {
		err = toucher.TouchAll(bounded, refs)
	} else {
		for _, ref := range refs {
			_, one := p.hub.shared.store.Touch(bounded, ref)
			err = cmp.Or(err, one)
		}
	}
	if err != nil && ctx.Err() != nil {
		return // it has been stopped
	}
	p.m.observe(ctx, OpTouch, Handle{}, "", start, err)
	if err != nil {
		p.m.config.Logger.WarnContext(ctx, "session: touching the sessions of open sockets failed", "sessions", len(refs), "error", err)
	}
}
