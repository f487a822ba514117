package wire

import (
	"context"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Lag dials connections over which messages take their time, and some of which break on the client's side: what the
// client has sent is on its way then, and the server gets it all the same. No connection breaks while it is being made.
type Lag struct {
	breaks int           // of a thousand messages; the connection breaks when such a one has been sent
	late   time.Duration // how long such a message is on its way, at most
	usual  time.Duration // and any other one

	mu   sync.Mutex
	rand *rand.Rand
}

// NewLag returns one whose decisions a seed makes.
func NewLag(seed uint64, breaks int, usual, late time.Duration) *Lag {
	return &Lag{breaks: breaks, usual: usual, late: late, rand: rand.New(rand.NewPCG(seed, 3))}
}

// Dial connects as a net.Dialer does.
func (l *Lag) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &lagging{Conn: conn, lag: l, messages: make(chan []byte, 1024)}
	go c.deliver()
	return c, nil
}

// greeting is how many messages a client sends before a connection is made, or some more.
const greeting = 6

// draw returns how long the n-th message takes, and whether the connection breaks.
func (l *Lag) draw(n int) (takes time.Duration, breaks bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if breaks = n > greeting && l.rand.IntN(1000) < l.breaks; breaks {
		return time.Duration(l.rand.Int64N(int64(l.late))), true
	}
	return time.Duration(l.rand.Int64N(int64(l.usual))), false
}

// lagging is a connection whose messages are delivered in their order, also after Close.
type lagging struct {
	net.Conn
	lag    *Lag
	broken atomic.Bool

	mu       sync.Mutex
	closed   bool
	messages chan []byte
}

func (c *lagging) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	c.messages <- append([]byte(nil), b...)
	return len(b), nil
}

func (c *lagging) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.broken.Load() {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close lets the server have what was sent.
func (c *lagging) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.closed {
		c.closed = true
		close(c.messages)
	}
	return c.Conn.SetReadDeadline(time.Now())
}

func (c *lagging) deliver() {
	n := 0
	for message := range c.messages {
		n++
		takes, breaks := c.lag.draw(n)
		if breaks {
			c.broken.Store(true)
			_ = c.Conn.SetReadDeadline(time.Now()) // who reads shall look
		}
		time.Sleep(takes)
		_, _ = c.Conn.Write(message)
	}
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	_ = c.Conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.Copy(io.Discard, c.Conn) // until the server has closed it
	_ = c.Conn.Close()
}
