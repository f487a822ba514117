package postgres

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/simples-go/sessions/internal/pgurl"
)

const (
	// suspectAfter is how long a connection may owe an answer until the store looks for another server. Most waits for a
	// lock are over by then.
	suspectAfter = time.Second

	// silentHostTimeout is how long a host that did not answer the last time has to send something. All others
	// have connect_timeout.
	silentHostTimeout = 250 * time.Millisecond
)

// hosts makes the connections of a store whose URL names several hosts, and knows which of these do not answer. All
// methods are safe for concurrent use.
type hosts struct {
	inner   func(ctx context.Context, network, addr string) (net.Conn, error)
	probe   func() (addr string, err error) // connects to a server that will do, and says which that was
	timeout time.Duration                   // of an attempt to connect to one host

	probing  atomic.Bool
	abandons atomic.Uint64 // how often all connections to a host were closed

	mu     sync.Mutex
	silent map[string]bool
	conns  map[*hostConn]struct{}
}

// watchHosts lets hosts make the connections of a configuration if it names more than one host. It returns nil if not.
func watchHosts(config *pgx.ConnConfig) *hosts {
	several := false
	for _, f := range config.Fallbacks {
		several = several || f.Host != config.Host || f.Port != config.Port
	}
	if !several {
		return nil
	}
	h := &hosts{inner: config.DialFunc, silent: map[string]bool{}, conns: map[*hostConn]struct{}{}}
	config.DialFunc = h.dial
	own := config.Copy()
	if own.ConnectTimeout <= 0 {
		own.ConnectTimeout = pgurl.ConnectTimeoutEach
	}
	h.timeout = own.ConnectTimeout
	h.probe = func() (string, error) {
		conn, err := pgx.ConnectConfig(context.Background(), own)
		if err != nil {
			return "", err
		}
		defer closeConn(conn)
		return addressOf(conn.PgConn().Conn()), nil
	}
	return h
}

// abandoned returns how often all connections to a host were closed.
func (h *hosts) abandoned() uint64 {
	if h == nil {
		return 0
	}
	return h.abandons.Load()
}

// resetSilent is called when no host would do. The next time each has all of connect_timeout: the only one that will do
// may be slow.
func (h *hosts) resetSilent() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.silent)
}

// addressOf returns the address of a connection that hosts has made; "" if another has.
func addressOf(conn net.Conn) string {
	if secure, is := conn.(interface{ NetConn() net.Conn }); is {
		conn = secure.NetConn()
	}
	if c, is := conn.(*hostConn); is {
		return c.addr
	}
	return ""
}

// dial connects to one host. One that was silent the last time has silentHostTimeout to send its first byte, and not
// all of ctx.
func (h *hosts) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	bound, cancel := h.bound(ctx, addr)
	raw, err := h.inner(bound, network, addr)
	if err != nil {
		h.noteIfTimedOut(bound, addr)
		cancel()
		return nil, err
	}
	c := &hostConn{Conn: raw, hosts: h, network: network, addr: addr}
	c.overdue = time.AfterFunc(suspectAfter, func() { h.suspect(c) })
	c.overdue.Stop()
	stop := context.AfterFunc(bound, func() {
		h.noteIfTimedOut(bound, addr)
		_ = raw.Close()
	})
	c.spoken = func() {
		stop()
		cancel()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
	return c, nil
}

func (h *hosts) bound(ctx context.Context, addr string) (context.Context, context.CancelFunc) {
	if h.isSilent(addr) {
		return context.WithTimeout(ctx, silentHostTimeout)
	}
	return context.WithCancel(ctx)
}

// noteIfTimedOut notes that a host is silent if the time that it had has passed.
func (h *hosts) noteIfTimedOut(bound context.Context, addr string) {
	if bound.Err() == context.DeadlineExceeded {
		h.note(addr, true)
	}
}

func (h *hosts) isSilent(addr string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.silent[addr]
}

// note records whether a host is silent.
func (h *hosts) note(addr string, silent bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if silent {
		h.silent[addr] = true
	} else {
		delete(h.silent, addr)
	}
}

// suspect is called when a connection has owed an answer for long. It may wait for a lock, or the host is gone. If
// another host will do, and this one has let an attempt pass in silence, its connections are closed: calls would wait
// there until their deadline, and have the places of the pool.
func (h *hosts) suspect(c *hostConn) {
	if !h.has(c) {
		return
	}
	if !h.probing.CompareAndSwap(false, true) {
		c.overdue.Reset(suspectAfter)
		return
	}
	defer h.probing.Store(false)
	addr, err := h.probe()
	if err != nil {
		h.resetSilent()
	}
	if err != nil || addr == c.addr || !h.isSilent(c.addr) && h.greets(c.network, c.addr) {
		return
	}
	h.abandons.Add(1)
	for _, lost := range h.connsTo(c.addr) {
		_ = lost.Close()
	}
}

// greets reports whether a host says something to a new connection, or refuses one. The probe does not come to it if another
// host that will do stands before it in the URL.
func (h *hosts) greets(network, addr string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), h.timeout)
	defer cancel()
	if conn, err := h.dial(ctx, network, addr); err == nil {
		defer func() { _ = conn.Close() }()
		if _, err := conn.Write(sslRequest); err == nil {
			_, _ = conn.Read(make([]byte, 1))
		}
	}
	return ctx.Err() == nil
}

// sslRequest is a message to which every server has an answer of one byte, before it knows who asks.
var sslRequest = []byte{0, 0, 0, 8, 4, 210, 22, 47}

func (h *hosts) has(c *hostConn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, has := h.conns[c]
	return has
}

func (h *hosts) connsTo(addr string) (found []*hostConn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		if c.addr == addr {
			found = append(found, c)
		}
	}
	return found
}

// hostConn is a connection that knows whether it owes an answer.
type hostConn struct {
	net.Conn
	hosts   *hosts
	network string
	addr    string
	heard   atomic.Bool
	spoken  func()      // ends the time for the first byte
	overdue *time.Timer // runs while an answer is owed
}

// Write implements net.Conn.
func (c *hostConn) Write(p []byte) (int, error) {
	if c.heard.Load() {
		c.overdue.Reset(suspectAfter)
	}
	return c.Conn.Write(p)
}

// Read implements net.Conn.
func (c *hostConn) Read(p []byte) (n int, err error) {
	n, err = c.Conn.Read(p)
	if n > 0 {
		c.overdue.Stop()
		if c.heard.CompareAndSwap(false, true) {
			c.spoken()
			c.hosts.note(c.addr, false)
		}
	}
	return n, err
}

// Close implements net.Conn.
func (c *hostConn) Close() error {
	c.spoken()
	c.overdue.Stop()
	c.hosts.mu.Lock()
	delete(c.hosts.conns, c)
	c.hosts.mu.Unlock()
	return c.Conn.Close()
}
