// Package proxy is a network that can be cut, slowed and silenced while statements are under way.
package proxy

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"
)

// Proxy passes connections on to one address. All methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	conns  map[net.Conn]struct{}
	delay  time.Duration // of each packet
	silent chan struct{} // closed when it speaks; nil while it does
}

// New listens on a port of its own.
func New(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]struct{}{}}
	go p.serve()
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close ends it and all connections.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.Heal()
	p.Cut()
}

// Cut ends all connections at once, in the middle of whatever they carry.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for conn := range p.conns {
		_ = conn.Close()
	}
}

// Delay holds up each packet.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Silence lets nothing through, and says nothing of that, until Heal.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent == nil {
		p.silent = make(chan struct{})
	}
}

// Heal ends what Delay and Silence have begun.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.delay = 0; p.silent != nil {
		close(p.silent)
		p.silent = nil
	}
}

// Redirect sends connections that come from now on to another address.
func (p *Proxy) Redirect(target string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = target
}

func (p *Proxy) serve() {
	for {
		conn, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go p.pass(conn)
		}
	}
}

func (p *Proxy) pass(from net.Conn) {
	defer p.enter(from)()
	p.wait()
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	to, err := net.DialTimeout("tcp", target, 5*time.Second)
	if err != nil {
		return
	}
	defer p.enter(to)()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		go func() {
			p.copy(way[1], way[0])
			done <- struct{}{}
		}()
	}
	<-done
}

// enter notes a connection, and returns what ends it.
func (p *Proxy) enter(conn net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[conn] = struct{}{}
	return func() {
		_ = conn.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, conn)
	}
}

func (p *Proxy) copy(to io.Writer, from io.Reader) {
	packet := make([]byte, 16<<10)
	for {
		n, err := from.Read(packet)
		if err != nil {
			return
		}
		p.wait()
		if _, err := to.Write(packet[:n]); err != nil {
			return
		}
	}
}

// wait holds a packet up as long as it has to be.
func (p *Proxy) wait() {
	p.mu.Lock()
	delay, silent := p.delay, p.silent
	p.mu.Unlock()
	if silent != nil {
		<-silent
	}
	time.Sleep(delay)
}
