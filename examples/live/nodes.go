package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/simples-go/sessions/session"
)

const (
	nodesOwner   = "nodes"
	nodeTimeout  = 15 * time.Second // the tabs of a node that was killed are seen for no longer
	nodeStep     = 5 * time.Second
	presenceTick = time.Second
)

// node is how the nodes learn of each other's tabs: each has a session of its own, whose token nobody else knows, with
// an entry for each session that its tabs have open. They find each other's by their common owner.
type node struct {
	manager *session.Manager
	session *session.Session // nil while there is no tab
}

// deriveNodes returns the manager of the nodes' sessions. They are in the same table, and open nothing to a browser.
func deriveNodes(sessions *session.Manager) (*session.Manager, error) {
	return sessions.Derive(func(c *session.Config) {
		c.Realm, c.Cookie.Name = "node", "node" // which no browser is sent
		c.IdleTimeout, c.TouchStep = nodeTimeout, nodeStep
	})
}

// run exchanges lists with the other nodes until ctx ends.
func (p *presence) run(ctx context.Context) {
	tick := time.NewTicker(presenceTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			p.close(ctx)
			return
		case <-tick.C:
		case <-p.wake:
		}
		if err := p.exchange(ctx); err != nil && ctx.Err() == nil {
			slog.Warn("live: other nodes' tabs are not known", "error", err)
		}
	}
}

func (p *presence) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if err := p.node.leave(ctx); err != nil {
		slog.Warn("live: this node's tabs will be seen until they expire", "error", err)
	}
}

// exchange publishes this node's tabs and sends them the list of all others.
func (p *presence) exchange(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	tabs := p.open()
	if len(tabs) == 0 {
		return p.node.leave(ctx)
	}
	if err := p.node.publish(ctx, tabs); err != nil {
		return err
	}
	all, err := p.node.everywhere(ctx, tabs)
	if err != nil {
		return err
	}
	for handle, list := range tabs {
		for _, t := range list {
			t.tell(all[handle])
		}
	}
	return nil
}

// publish brings the node's session up to date.
func (n *node) publish(ctx context.Context, tabs map[session.Handle][]*tab) error {
	if n.session == nil {
		n.session = n.manager.NewSession()
		if err := n.session.SetOwner(nodesOwner); err != nil {
			return err
		}
	}
	err := n.write(ctx, tabs)
	if errors.Is(err, session.ErrGone) {
		n.session = nil // it has expired; the next round makes another
	}
	return err
}

func (n *node) write(ctx context.Context, tabs map[session.Handle][]*tab) error {
	for _, key := range n.session.Keys() {
		if handle, err := session.ParseHandle(key); err != nil || tabs[handle] == nil {
			if err := n.session.Delete(key); err != nil {
				return err
			}
		}
	}
	for handle, list := range tabs {
		if err := n.set(handle.String(), list); err != nil {
			return err
		}
	}
	if n.session.Changed() {
		return n.session.Save(ctx)
	}
	return n.session.Update(ctx)
}

// set puts a session's tabs into the node's session if they have changed.
func (n *node) set(key string, list []*tab) error {
	seats := make([]seat, len(list))
	for i, t := range list {
		seats[i] = t.seat
	}
	old, err := session.Get[[]seat](n.session, key)
	if err == nil && slices.Equal(old, seats) {
		return nil
	}
	return n.session.Set(key, seats)
}

// everywhere returns the tabs of all nodes for the sessions that this one's tabs have open.
func (n *node) everywhere(ctx context.Context, tabs map[session.Handle][]*tab) (map[session.Handle][]seat, error) {
	keys := make([]string, 0, len(tabs))
	for handle := range tabs {
		keys = append(keys, handle.String())
	}
	infos, err := n.manager.Sessions(ctx, nodesOwner, keys...)
	if err != nil {
		return nil, err
	}
	all := make(map[session.Handle][]seat, len(tabs))
	for _, info := range infos {
		for handle := range tabs {
			seats, err := session.Get[[]seat](info, handle.String())
			if err != nil {
				return nil, err
			}
			all[handle] = append(all[handle], seats...)
		}
	}
	for _, seats := range all {
		slices.SortFunc(seats, compareSeats)
	}
	return all, nil
}

func compareSeats(a, b seat) int {
	return cmp.Or(cmp.Compare(a.Node, b.Node), cmp.Compare(a.Name, b.Name))
}

// leave deletes the node's session.
func (n *node) leave(ctx context.Context) error {
	if n.session == nil {
		return nil
	}
	err := n.session.Destroy(ctx)
	if err == nil {
		n.session = nil
	}
	return err
}
