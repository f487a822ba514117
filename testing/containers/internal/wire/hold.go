package wire

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Hold dials connections and keeps a message on its way: the next one that holds a text, and what follows it on its
// connection. The server gets it when it is delivered, even if the client has closed the connection long before.
type Hold struct {
	mu   sync.Mutex
	text []byte
	held *held
	came chan struct{}
}

// Expect names the text. Caught is closed when it has come.
func (h *Hold) Expect(text string) (caught <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text, h.came = []byte(text), make(chan struct{})
	return h.came
}

// Cut breaks the connection on the client's side; the message stays on its way.
func (h *Hold) Cut() { h.current().cut() }

// Deliver lets the server have the message, and returns when it has answered and the connection is closed.
func (h *Hold) Deliver() { h.current().deliver() }

func (h *Hold) current() *held {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.held
}

// Dial connects as a net.Dialer does.
func (h *Hold) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &held{Conn: conn, hold: h}, nil
}

// catches reports whether b is what is to be held.
func (h *Hold) catches(b []byte, c *held) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.text == nil || !bytes.Contains(b, h.text) {
		return false
	}
	h.text, h.held = nil, c
	close(h.came)
	return true
}

type held struct {
	net.Conn
	hold   *Hold
	broken atomic.Bool

	mu      sync.Mutex
	holding bool
	message []byte
}

func (c *held) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding = c.holding || c.hold.catches(b, c); c.holding {
		c.message = append(c.message, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

func (c *held) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.broken.Load() {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// Close leaves a connection open whose message is on its way.
func (c *held) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holding {
		return c.Conn.SetReadDeadline(time.Now())
	}
	return c.Conn.Close()
}

func (c *held) cut() {
	c.broken.Store(true)
	_ = c.Conn.SetReadDeadline(time.Now()) // who reads shall look
}

func (c *held) deliver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.Conn.SetDeadline(time.Now().Add(20 * time.Second))
	const terminate = "X\x00\x00\x00\x04"
	_, _ = c.Conn.Write(append(c.message, terminate...))
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c.Conn) // until the server has closed it
	_ = c.Conn.Close()
}
